package httpkit

import (
	"fmt"
	"reflect"
	"sync"
)

// fieldsMax is how many parameters one request can have: as many as a binder
// has bits.
const fieldsMax = 64

// shape is what Bind has to know of a request struct.
type shape struct {
	names    []string // the fields' param tags, in their order
	required uint64   // bit i: field i must be given
	ruled    bool     // there are rules beyond required: the validator has to be asked
}

// shapeByType keeps what shapeOf found, because reflection is slow and Bind is
// called for every reading. It holds one entry for each request struct there is.
var shapeByType sync.Map // reflect.Type → *shape

// shapeOf returns the shape of a request struct.
func shapeOf(t reflect.Type) *shape {
	if known, ok := shapeByType.Load(t); ok {
		return known.(*shape)
	}
	if t.NumField() > fieldsMax {
		panic(fmt.Sprintf("BUG: %s has more than %d fields", t, fieldsMax))
	}
	s := &shape{names: make([]string, t.NumField())}
	for i := range s.names {
		field := t.Field(i)
		s.names[i] = field.Tag.Get("param")
		if s.names[i] == "" || field.Type.Kind() != reflect.String || !field.IsExported() {
			panic(fmt.Sprintf("BUG: %s.%s is not an exported string with a param tag", t, field.Name))
		}
		switch field.Tag.Get("validate") {
		case "":
		case "required":
			s.required |= 1 << i
		default:
			s.ruled = true
		}
	}
	shapeByType.Store(t, s)
	return s
}
