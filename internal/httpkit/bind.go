package httpkit

import (
	"math/bits"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"unicode/utf8"

	"meterledger/internal/meter"
)

// Bind fills the struct that into points to with the parameters of r, and
// checks them. Each field is a string, named by its tag and checked by rules:
//
//	MeterID string `param:"meter_id" validate:"required,meter_id"`
//
// The rules are those of package validator (required, omitempty, oneof, …) and
// meter_id, text, day and month, which are the domain's.
//
// Parameters come from the query string and, except with GET and HEAD, from
// the body: a form, a small multipart form, or one JSON object, of 64 KiB at
// the most. A parameter that is unknown, empty, given twice or not UTF-8 is
// refused, as is whatever does not parse. Every error is a *meter.Error, or holds the
// *http.MaxBytesError that WriteError knows.
func Bind(r *http.Request, into any) error {
	b := newBinder(into)
	if err := b.pairs(r.URL.RawQuery); err != nil {
		return err
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		if err := b.body(r); err != nil {
			return err
		}
	}
	return b.check(into)
}

// BindJSON is Bind for one JSON object that is not a request's body.
func BindJSON(object []byte, into any) error {
	b := newBinder(into)
	if err := b.json(object); err != nil {
		return err
	}
	return b.check(into)
}

// binder puts parameters into one struct.
type binder struct {
	*shape

	into reflect.Value
	seen uint64 // bit i: field i has been given
}

func newBinder(into any) binder {
	value := reflect.ValueOf(into).Elem()
	return binder{shape: shapeOf(value.Type()), into: value}
}

func (b *binder) set(name, value string) error {
	field := b.field(name)
	switch {
	case field < 0:
		return b.unknown(name)
	case b.seen&(1<<field) != 0:
		return invalid(name, "is given more than once")
	case value == "":
		return invalid(name, "is empty")
	case !utf8.ValidString(value):
		return invalid(name, "is not valid UTF-8")
	}
	b.seen |= 1 << field
	b.into.Field(field).SetString(value)
	return nil
}

// check makes sure that all rules hold. Whether a field was given, and no more is
// asked of a single reading, the binder knows without the validator.
func (b *binder) check(into any) error {
	if missing := b.required &^ b.seen; missing != 0 && !b.ruled {
		return errMissing(b.names[bits.TrailingZeros64(missing)])
	}
	if b.ruled {
		return check(into)
	}
	return nil
}

// field finds a field by its name. There are few, so a map would be slower.
func (b *binder) field(name string) int {
	for i := range b.names {
		if b.names[i] == name {
			return i
		}
	}
	return -1
}

func (b *binder) unknown(name string) error {
	if len(b.names) == 0 {
		return invalid(showName(name), "is not a parameter here; none is taken")
	}
	return invalid(showName(name), "is not a parameter here; known are %s", strings.Join(b.names, ", "))
}

// pairs reads what url.ParseQuery reads, without making a map of it.
func (b *binder) pairs(encoded string) error {
	for encoded != "" {
		var pair string
		pair, encoded, _ = strings.Cut(encoded, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, errName := url.QueryUnescape(name)
		value, errValue := url.QueryUnescape(value)
		if errName != nil || errValue != nil || strings.Contains(pair, ";") {
			return invalid("", "%s is not percent-encoded as a parameter must be", quote(pair))
		}
		if err := b.set(name, value); err != nil {
			return err
		}
	}
	return nil
}

func invalid(field, format string, args ...any) error {
	return meter.Invalid(meter.CodeInvalidParameter, field, format, args...)
}
