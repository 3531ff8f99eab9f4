package httpkit

import (
	"errors"
	"math/bits"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"meterledger/internal/meter"
)

// Bind fills the struct that into points to with the parameters of r, and checks them. A
// field's tags name its parameter and the rules for it, its type says how it is parsed:
//
//	Meter  meter.ID    `param:"meter_id,required"`
//	Period string      `param:"period" oneof:"today this_week custom"`
//	Start  meter.Bound `param:"start" validate:"when=Period custom"`
//
// The type is meter.ID, Slot, Instant, Bound, Register, Day or Month, bool, a kind of string, an
// encoding.TextUnmarshaler, or a pointer to one of them. A field whose parameter is not
// given keeps its zero value. One that is nullable, a pointer, points to a zero value after
// null in JSON or the word null elsewhere. One that is a list, of an encoding.TextUnmarshaler, may be a list of
// texts in JSON, and has commas between them elsewhere. Timestamps without an offset are those of zone.
//
// The tag validate has the rules between fields: those of package validator, when (given if
// another field has a value, and only then), and text and seen, which are the domain's. A struct with
// rules has a method Check() error that returns Check of it. Rules are checked last, after
// all fields are parsed in their order.
//
// Parameters come from the query string and, except with GET, HEAD and DELETE, from the body: a
// form, a multipart form or one JSON object, of at most 64 KiB. Those tagged path instead
// of param come from the path. Bind refuses a parameter that is unknown, empty, given
// twice, not UTF-8, or does not parse. Every error is a *meter.Error or, of a body, one
// that WriteError knows.
func Bind(r *http.Request, zone *meter.Zone, into any) error {
	return bind(r, zone, into, hasParametersInBody(r), nil)
}

func hasParametersInBody(r *http.Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodDelete
}

// BindQuery is Bind for a request whose body has no parameters.
func BindQuery(r *http.Request, zone *meter.Zone, into any) error {
	return bind(r, zone, into, false, nil)
}

// bind is Bind. It notes the parameters of a change that a has the audit line of; a may be nil.
func bind(r *http.Request, zone *meter.Zone, into any, fromBody bool, a *answer) error {
	b := newBinder(into)
	err := b.request(r)
	if err == nil && fromBody {
		err = b.body(r)
	}
	if err == nil {
		err = b.finish(zone, into)
	}
	if err == nil && a != nil && a.change != nil {
		b.note(a.change)
	}
	return err
}

// BindJSON is Bind for one JSON object that is not a request's body. If it is not an object
// or has not the members that it must have, the error has the code given.
func BindJSON(object []byte, zone *meter.Zone, into any, malformed meter.Code) error {
	b := newBinder(into)
	err := b.json(object)
	if err == nil {
		err = b.complete()
	}
	if fault, ok := errors.AsType[*meter.Error](err); ok {
		fault.Code = malformed
		return fault
	}
	return b.finish(zone, into)
}

// binder collects the parameters of one struct.
type binder struct {
	*shape

	into   reflect.Value
	given  uint64            // bit i: field i has a value
	values [fieldsMax]string // before parsing
}

func newBinder(into any) binder {
	v := reflect.ValueOf(into).Elem()
	return binder{shape: shapeOf(v.Type()), into: v}
}

// request collects the parameters in the path and in the query.
func (b *binder) request(r *http.Request) error {
	for left := b.inPath; left != 0; left &= left - 1 {
		i := bits.TrailingZeros64(left)
		b.given |= 1 << i
		b.values[i] = chi.URLParam(r, b.fields[i].name)
	}
	return b.pairs(r.URL.RawQuery)
}

// pairs collects the parameters that url.ParseQuery reads, but makes no map of them.
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

func (b *binder) set(name, value string) error {
	field := b.field(name)
	switch {
	case field < 0 && b.known == "":
		return invalid(showName(name), "is not a parameter here; none is taken")
	case field < 0:
		return invalid(showName(name), "is not a parameter here; known are %s", b.known)
	case b.given&(1<<field) != 0:
		return invalid(name, "is given more than once")
	case value == "":
		return invalid(name, "is empty")
	case !utf8.ValidString(value):
		return invalid(name, "is not valid UTF-8")
	}
	b.given |= 1 << field
	b.values[field] = value
	return nil
}

// field returns the index of a parameter, or -1. There are few, so a map would be slower.
func (b *binder) field(name string) int {
	for i := range b.fields {
		if b.fields[i].name == name && b.inPath&(1<<i) == 0 {
			return i
		}
	}
	return -1
}

// complete makes sure that what is required is given.
func (b *binder) complete() error {
	if missing := b.required &^ b.given; missing != 0 {
		return errMissing(b.fields[bits.TrailingZeros64(missing)].name)
	}
	return nil
}

// finish parses what was collected, and checks the rules.
func (b *binder) finish(zone *meter.Zone, into any) error {
	if err := b.complete(); err != nil {
		return err
	}
	for i := range b.fields {
		if b.given&(1<<i) == 0 {
			continue
		}
		if field := b.into.Field(i); b.fields[i].isNullable && b.values[i] == null {
			field.Set(reflect.New(field.Type().Elem()))
		} else if err := b.fields[i].parse(field, zone, b.values[i]); err != nil {
			return err
		}
	}
	if b.hasRules {
		return into.(checker).Check()
	}
	return nil
}

// checker is a request struct with rules. It calls Check itself, so that a program without
// such a request does not link the validator.
type checker interface{ Check() error }

func invalid(field, format string, args ...any) error {
	return meter.Invalid(meter.CodeInvalidParameter, field, format, args...)
}

func errMissing(name string) error { return invalid(name, "is missing") }
