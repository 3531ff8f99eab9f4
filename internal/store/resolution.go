package store

import (
	"encoding/binary"
	"errors"
	"time"
	"unsafe"

	"meterledger/internal/meter"
)

// Resolution is a person's verdict on an exception. The newest counts; those before it stay. An
// exception is named by its meter, its rule and its beginning: whether there is such a one is
// not known here, as exceptions are derived.
//
//	resolution  28 | meter uint32 | rule uint8 | from uint32 | ruling uint8 | at | reason | by
type Resolution struct {
	Meter  Index
	Rule   meter.Rule
	From   meter.Slot
	Ruling meter.Ruling
	At     time.Time
	Reason string
	By     string // empty if nobody said
}

// exceptionKey names an exception.
type exceptionKey struct {
	meter Index
	rule  meter.Rule
	from  meter.Slot
}

func (r *Resolution) key() exceptionKey { return exceptionKey{r.Meter, r.Rule, r.From} }

const resolutionBytes = 5*int64(unsafe.Sizeof(Resolution{}))/4 + 2*int64(unsafe.Sizeof(exceptionKey{})+unsafe.Sizeof(0))

// AppendResolution adds a resolution to a batch.
func AppendResolution(b []byte, r Resolution) []byte {
	return appendResolution(append(b, byte(kindResolution)), r)
}

func appendResolution(b []byte, r Resolution) []byte {
	b = append(binary.BigEndian.AppendUint32(b, uint32(r.Meter)), byte(r.Rule))
	b = append(binary.BigEndian.AppendUint32(b, uint32(r.From)), byte(r.Ruling))
	return appendText(appendText(appendTime(b, r.At), r.Reason), r.By)
}

func (d *decoder) resolution() *Resolution {
	r := &Resolution{
		Meter: d.meter(), Rule: meter.Rule(d.uint8()), From: meter.Slot(d.uint32()), Ruling: meter.Ruling(d.uint8()),
		At: d.time(), Reason: d.text(), By: d.text(),
	}
	switch {
	case r.From > slotMax:
		d.fail(errSlot(r.From))
	case !r.Rule.IsValid() || !r.Ruling.IsValid():
		d.fail(errors.New("a verdict on an exception has a rule or a word that this version does not know"))
	}
	return r
}

// effect makes a resolution the newest of its exception. The same once more changes nothing, but
// for what was refused in between.
func (r *Resolution) effect(s *Store) Verdict {
	news := r.Rule == meter.RuleDecreasing && s.refusals.see(r.Meter, s.grid.ice)
	if place, some := s.resolved[r.key()]; some {
		before := s.resolutions[place]
		if before.At = r.At; before == *r && !news {
			return Verdict{Outcome: Duplicate}
		}
	}
	s.resolve(*r)
	return Verdict{Outcome: Accepted}
}

func (s *Store) resolve(r Resolution) {
	s.resolved[r.key()] = len(s.resolutions)
	s.resolutions = append(s.resolutions, r)
	s.held.accounts += resolutionBytes + int64(len(r.Reason)+len(r.By))
}

// Resolution returns the newest verdict of a person on an exception, and false if there is none.
func (s *Store) Resolution(i Index, rule meter.Rule, from meter.Slot) (Resolution, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	place, some := s.resolved[exceptionKey{i, rule, from}]
	if !some {
		return Resolution{}, false
	}
	return s.resolutions[place], true
}

// encodeResolutions writes
//
//	resolutions  24 | version | n uint32 | n × resolution, as in the entry
func encodeResolutions(e *stateEncoder, s *state) {
	encodeList(e, s.resolutions, noHead, appendResolution)
}

func decodeResolutions(d *StateDecoder) {
	for range d.items {
		if r := d.resolution(); d.err == nil {
			d.s.resolve(*r)
		}
	}
}
