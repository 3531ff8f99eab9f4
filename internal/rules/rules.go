// Package rules checks the rules between the fields of a request, which stand in its struct tags.
// It is apart from httpkit because what it stands on is large: a program whose requests have no
// rules does not link it.
package rules

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/go-playground/validator/v10"

	"meterledger/internal/meter"
)

// newValidator is called with the first request that has rules.
var newValidator = sync.OnceValue(func() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(paramOf)
	for name, holds := range map[string]validator.Func{
		"text": func(f validator.FieldLevel) bool { return meter.ValidText(f.Field().String()) },
		"seen": func(f validator.FieldLevel) bool { return meter.ShowsItself(f.Field().String()) },
		"when": when,
	} {
		if err := v.RegisterValidation(name, holds); err != nil {
			panic(fmt.Sprintf("BUG: rule %s: %v", name, err))
		}
	}
	return v
})

// when wants a field to be given if another has a value, and only then. It is
// required_if and excluded_unless in one, which together cost a query ten allocations.
func when(f validator.FieldLevel) bool {
	name, value, _ := strings.Cut(f.Param(), " ")
	return f.Field().IsZero() != (f.Parent().FieldByName(name).String() == value)
}

// paramOf returns the name of a field's parameter.
func paramOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("param"), ",")
	return name
}

// Check returns the first rule that a request struct breaks, as a sentence.
func Check(request any) error {
	err := newValidator().Struct(request)
	if err == nil {
		return nil
	}
	var broken validator.ValidationErrors
	if !errors.As(err, &broken) {
		panic(fmt.Sprintf("BUG: checking a %T: %v", request, err))
	}
	return sentence(broken[0], reflect.TypeOf(request).Elem())
}

func sentence(broken validator.FieldError, request reflect.Type) error {
	name := broken.Field()
	switch tag := broken.Tag(); tag {
	case "text":
		return invalid(name, "must be 1 to %d characters of valid UTF-8 without control characters", meter.TextLengthMax)
	case "seen":
		return invalid(name, "must show at least one character, and none that turns the direction of text")
	case "when":
		if reflect.ValueOf(broken.Value()).IsZero() {
			return invalid(name, "is missing")
		}
		return invalid(name, "only goes with %s", other(request, broken.Param()))
	case "excluded_if", "excluded_with":
		return invalid(name, "does not go with %s", other(request, broken.Param()))
	case "required_without":
		return invalid(name, "is missing, and so is %s: one of them is needed", other(request, broken.Param()))
	default:
		return invalid(name, "breaks the rule %s %s", tag, broken.Param())
	}
}

// other names the parameter in the text of a rule: period=custom for "Period custom", month
// for "Month".
func other(request reflect.Type, rule string) string {
	name, value, hasValue := strings.Cut(rule, " ")
	field, _ := request.FieldByName(name)
	if hasValue {
		return paramOf(field) + "=" + value
	}
	return paramOf(field)
}

func invalid(field, format string, args ...any) error {
	return meter.Invalid(meter.CodeInvalidParameter, field, format, args...)
}
