package httpkit

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"meterledger/internal/meter"
)

// fieldsMax is the largest number of parameters of one request.
const fieldsMax = 16

// shape is what Bind must know of a request struct.
type shape struct {
	fields   []field
	known    string // the names that a query or a body may have, as a list
	inPath   uint64 // bit i: field i comes from the path
	required uint64 // bit i: field i must be given
	hasRules bool   // for the validator
}

// field is what Bind must know of one field of a request struct.
type field struct {
	name       string   // of its parameter
	oneOf      []string // the values that it may have; empty if any
	isNullable bool
	isList     bool
}

// null unsets what a nullable field is for.
const null = "null"

// shapeByType keeps the results of shapeOf: reflection is slow, and Bind is called for
// every reading. It has one entry for each request struct of the program.
var shapeByType sync.Map // reflect.Type → *shape

// shapeOf returns the shape of a request struct.
func shapeOf(t reflect.Type) *shape {
	if known, ok := shapeByType.Load(t); ok {
		return known.(*shape)
	}
	if t.NumField() > fieldsMax {
		panic(fmt.Sprintf("BUG: %s has more than %d fields", t, fieldsMax))
	}
	s := &shape{}
	var known []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("param"), ",")
		if option == "required" {
			s.required |= 1 << i
		}
		if name != "" {
			known = append(known, name)
		} else if name = f.Tag.Get("path"); name != "" {
			s.inPath |= 1 << i
		}
		if name == "" || !f.IsExported() {
			panic(fmt.Sprintf("BUG: %s.%s is not an exported field with a param or a path tag", t, f.Name))
		}
		s.fields = append(s.fields, field{name, strings.Fields(f.Tag.Get("oneof")), option == "nullable", option == "list"})
		s.hasRules = s.hasRules || f.Tag.Get("validate") != ""
	}
	if s.hasRules && !reflect.PointerTo(t).Implements(reflect.TypeFor[checker]()) {
		panic(fmt.Sprintf("BUG: %s has rules and no method Check", t))
	}
	s.known = strings.Join(known, ", ")
	shapeByType.Store(t, s)
	return s
}

// parse reads a value into field f of a request.
func (f *field) parse(into reflect.Value, zone *meter.Zone, value string) error {
	if len(f.oneOf) > 0 && !slices.Contains(f.oneOf, value) {
		return invalid(f.name, "must be one of %s", strings.Join(f.oneOf, ", "))
	}
	return parse(into.Addr().Interface(), zone, f.name, value)
}

// parse reads a value into the variable that p points to.
func parse(p any, zone *meter.Zone, name, value string) (err error) {
	ok := true
	switch p := p.(type) {
	case *meter.ID:
		*p, err = meter.ParseID(value)
	case *meter.Slot:
		*p, err = zone.ParseSlot(name, value)
	case *meter.Instant:
		*p, err = zone.ParseInstant(name, value)
	case *meter.Bound:
		*p, err = zone.ParseBound(name, value)
	case *meter.Register:
		*p, err = meter.ParseReading(name, value)
	case *meter.Day:
		if *p, ok = meter.ParseDay(value); !ok {
			return invalid(name, "must be a day such as 2026-11-23")
		}
	case *meter.Month:
		if *p, ok = meter.ParseMonth(value); !ok {
			return invalid(name, "must be a month such as 2026-11")
		}
	case *bool:
		if *p = value == "true"; !*p && value != "false" {
			return invalid(name, "must be one of true, false")
		}
	case encoding.TextUnmarshaler:
		if err := p.UnmarshalText([]byte(value)); err != nil {
			return invalid(name, "%v", err)
		}
	default:
		v := reflect.ValueOf(p).Elem()
		if v.Kind() == reflect.Pointer {
			v.Set(reflect.New(v.Type().Elem()))
			return parse(v.Interface(), zone, name, value)
		}
		v.SetString(value) // panics if the type is none of Bind's
	}
	return err
}

// quotedLengthMax is how many characters of a caller's text a problem repeats.
const quotedLengthMax = 40

// quote makes a caller's text safe to repeat: quoted, escaped, and cut if it is long.
func quote(s string) string {
	count := 0
	for i := range s {
		if count == quotedLengthMax {
			return strconv.Quote(s[:i]) + "…"
		}
		count++
	}
	return strconv.Quote(s)
}

// showName returns the name of a parameter, quoted unless it is a short word.
func showName(name string) string {
	if _, err := meter.ParseID(name); err == nil && len(name) <= quotedLengthMax {
		return name
	}
	return quote(name)
}
