package web

import (
	"fmt"
	"reflect"
	"sync"
)

// fieldsMax is how many parameters one request can have: as many as a binder
// has bits.
const fieldsMax = 64

// namesByType keeps what namesOf found, because reflection is slow and Bind is
// called for every reading. It holds one entry for each request struct there is.
var namesByType sync.Map // reflect.Type → []string

// namesOf returns the param tags of a request struct's fields, in their order.
func namesOf(t reflect.Type) []string {
	if names, ok := namesByType.Load(t); ok {
		return names.([]string)
	}
	if t.NumField() > fieldsMax {
		panic(fmt.Sprintf("BUG: %s has more than %d fields", t, fieldsMax))
	}
	names := make([]string, t.NumField())
	for i := range names {
		field := t.Field(i)
		names[i] = field.Tag.Get("param")
		if names[i] == "" || field.Type.Kind() != reflect.String || !field.IsExported() {
			panic(fmt.Sprintf("BUG: %s.%s is not an exported string with a param tag", t, field.Name))
		}
	}
	namesByType.Store(t, names)
	return names
}
