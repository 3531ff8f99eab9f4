package httpkit

import (
	"math/bits"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"meterledger/internal/meter"
)

// Bind fills the struct that into points to with the parameters of r, and checks
// them. A field says by its tags what parameter it is, by its type how that is
// parsed, and what else must hold:
//
//	Meter  meter.ID   `param:"meter_id,required"`
//	Period string     `param:"period" oneof:"today this_week custom"`
//	Start  meter.Slot `param:"start" validate:"when=Period custom"`
//
// Its type is meter.ID, Slot, KWh, Day or Month, bool, a string of any name, an
// encoding.TextUnmarshaler, or a pointer to one of them. It keeps its zero value if
// it is not given. Timestamps without an offset are those of zone.
//
// The tag validate has the rules between fields, those of package validator, when
// (given if another field has a value, and only then) and text, which is the domain's.
// A struct with rules has a method Check() error that
// returns Check of it. They come last: the parameters are first collected, then parsed
// in the order of the fields.
//
// Parameters come from the query string and, except with GET and HEAD, from
// the body: a form, a small multipart form, or one JSON object, of 64 KiB at
// the most; those tagged path instead of param come from the path. A parameter that
// is unknown, empty, given twice or not UTF-8 is refused, as is whatever does not
// parse. Every error is a *meter.Error, or holds the *http.MaxBytesError that
// WriteError knows.
func Bind(r *http.Request, zone *meter.Zone, into any) error {
	var b binder
	b.fill(into)
	if err := b.request(r); err != nil {
		return err
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		if err := b.body(r); err != nil {
			return err
		}
	}
	return b.finish(zone, into)
}

// BindQuery is Bind for a request whose body is something else than parameters.
func BindQuery(r *http.Request, zone *meter.Zone, into any) error {
	var b binder
	b.fill(into)
	if err := b.request(r); err != nil {
		return err
	}
	return b.finish(zone, into)
}

// BindJSON is Bind for one JSON object that is not a request's body.
func BindJSON(object []byte, zone *meter.Zone, into any) error {
	var b binder
	b.fill(into)
	if err := b.json(object); err != nil {
		return err
	}
	return b.finish(zone, into)
}

// binder puts parameters into one struct.
type binder struct {
	*shape

	into   reflect.Value
	seen   uint64            // bit i: field i has been given
	values [fieldsMax]string // as they were given
}

// fill says what the parameters are put into.
func (b *binder) fill(into any) {
	b.into = reflect.ValueOf(into).Elem()
	b.shape = shapeOf(b.into.Type())
}

// request collects what stands in the path and in the query.
func (b *binder) request(r *http.Request) error {
	for left := b.inPath; left != 0; left &= left - 1 {
		i := bits.TrailingZeros64(left)
		b.seen |= 1 << i
		b.values[i] = chi.URLParam(r, b.fields[i].name)
	}
	return b.pairs(r.URL.RawQuery)
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

func (b *binder) set(name, value string) error {
	field := b.field(name)
	switch {
	case field < 0 && b.known == "":
		return invalid(showName(name), "is not a parameter here; none is taken")
	case field < 0:
		return invalid(showName(name), "is not a parameter here; known are %s", b.known)
	case b.seen&(1<<field) != 0:
		return invalid(name, "is given more than once")
	case value == "":
		return invalid(name, "is empty")
	case !utf8.ValidString(value):
		return invalid(name, "is not valid UTF-8")
	}
	b.seen |= 1 << field
	b.values[field] = value
	return nil
}

// field finds a parameter by its name. There are few, so a map would be slower.
func (b *binder) field(name string) int {
	for i := range b.fields {
		if b.fields[i].name == name && b.inPath&(1<<i) == 0 {
			return i
		}
	}
	return -1
}

// finish parses what was collected and makes sure that all rules hold.
func (b *binder) finish(zone *meter.Zone, into any) error {
	if missing := b.required &^ b.seen; missing != 0 {
		return errMissing(b.fields[bits.TrailingZeros64(missing)].name)
	}
	for i := range b.fields {
		if b.seen&(1<<i) == 0 {
			continue
		}
		if err := b.fields[i].parse(b.into.Field(i), zone, b.values[i]); err != nil {
			return err
		}
	}
	if b.ruled {
		return into.(checker).Check()
	}
	return nil
}

// checker is a request struct that has rules. It calls Check itself, so that a program
// without such a request does not link the validator.
type checker interface{ Check() error }

func invalid(field, format string, args ...any) error {
	return meter.Invalid(meter.CodeInvalidParameter, field, format, args...)
}

func errMissing(name string) error { return invalid(name, "is missing") }
