package httpkit

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/go-playground/validator/v10"

	"meterledger/internal/meter"
)

// rules is set once and never changed; it is safe for concurrent use.
var rules = newRules()

func newRules() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(func(f reflect.StructField) string { return f.Tag.Get("param") })
	for name, holds := range map[string]func(string) bool{
		"meter_id": func(s string) bool { _, err := meter.ParseID(s); return err == nil },
		"text":     meter.ValidText,
		"day":      func(s string) bool { _, ok := meter.ParseDay(s); return ok },
		"month":    func(s string) bool { _, ok := meter.ParseMonth(s); return ok },
	} {
		rule := func(f validator.FieldLevel) bool { return holds(f.Field().String()) }
		if err := v.RegisterValidation(name, rule); err != nil {
			panic(fmt.Sprintf("BUG: rule %s: %v", name, err))
		}
	}
	return v
}

// check returns the first rule that a request struct breaks, as a sentence.
func check(request any) error {
	err := rules.Struct(request)
	var broken validator.ValidationErrors
	if errors.As(err, &broken) {
		return sentence(broken[0])
	}
	if err != nil {
		panic(fmt.Sprintf("BUG: checking a %T: %v", request, err))
	}
	return nil
}

func sentence(broken validator.FieldError) error {
	name := broken.Field()
	switch tag := broken.Tag(); tag {
	case "meter_id":
		_, err := meter.ParseID(reflect.ValueOf(broken.Value()).String())
		return err
	case "text":
		return invalid(name, "must be 1 to %d characters of valid UTF-8 without control characters", meter.TextLengthMax)
	case "day":
		return invalid(name, "must be a day such as 2026-11-23")
	case "month":
		return invalid(name, "must be a month such as 2026-11")
	case "oneof":
		return invalid(name, "must be one of %s", strings.ReplaceAll(broken.Param(), " ", ", "))
	default:
		if strings.HasPrefix(tag, "required") {
			return errMissing(name)
		}
		return invalid(name, "breaks the rule %s %s", tag, broken.Param())
	}
}

func errMissing(name string) error { return invalid(name, "is missing") }
