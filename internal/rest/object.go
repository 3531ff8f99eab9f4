package rest

import (
	"strconv"
	"sync"

	"meterledger/internal/meter"
)

// object is a JSON object that is written member by member. It does by hand what encoding/json does by reflection, for
// answers that are asked for all the time; a test compares the two. No text in it has anything that JSON would escape.
type object []byte

// objectBytes is more than most have.
const objectBytes = 512

var objects = sync.Pool{New: func() any {
	o := make(object, 0, objectBytes)
	return &o
}}

// name begins a member.
func (o object) name(name string) object {
	opener := byte(',')
	if len(o) == 0 {
		opener = '{'
	}
	return append(append(append(o, opener, '"'), name...), `":`...)
}

func (o object) text(name, value string) object {
	return append(append(append(o.name(name), '"'), value...), '"')
}

// word is a text that may be missing.
func (o object) word(name string, value *string) object {
	if value == nil {
		return append(o.name(name), "null"...)
	}
	return o.text(name, *value)
}

func (o object) count(name string, n int) object {
	return strconv.AppendInt(o.name(name), int64(n), 10)
}

func (o object) is(name string, so bool) object { return strconv.AppendBool(o.name(name), so) }

func (o object) register(name string, r meter.Register) object { return r.Append(o.name(name)) }

func (o object) energy(name string, e meter.Energy) object {
	return append(o.name(name), e.String()...)
}

// end ends the object.
func (o object) end() object { return append(o, '}') }
