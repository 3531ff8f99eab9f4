package store

import (
	"cmp"
	"encoding/binary"
	"slices"

	"meterledger/internal/meter"
)

// Readings that were refused because registers must rise, or because their slot holds another
// register, are kept: once what was wrong is corrected, they are judged again. The same reading
// is kept once. Of each meter the last RefusedOfMeterMax are kept, of all meters the last of as
// many as the writer says; the oldest go. A reading that is accepted, or that is recorded
// already, is not kept any longer.
//
//	refusals  27 | max of all meters uint32 | n uint32 | n × (meter uint32 | point | marks uint8)
//
// Of the marks an entry has only that of a conflict.

// RefusedOfMeterMax is how many refusals are kept of a meter: a month of half hours.
const RefusedOfMeterMax = 1500

// Refusal is a reading that was refused.
type Refusal struct {
	Reading

	IsConflict bool // with the register of its slot; else registers would fall
	IsSeen     bool // a person has given a verdict since it is kept
	HasLost    bool // of the oldest of its meter: older ones, no conflicts, had to go
}

// refusalMarks are what is true of a refusal.
type refusalMarks uint8

const (
	refusalConflict refusalMarks = 1 << iota
	refusalSeen
	refusalLost
)

func (r *Refusal) marks() (m refusalMarks) {
	if r.IsConflict {
		m |= refusalConflict
	}
	if r.IsSeen {
		m |= refusalSeen
	}
	if r.HasLost {
		m |= refusalLost
	}
	return m
}

func (m refusalMarks) of(r Reading) Refusal {
	return Refusal{r, m&refusalConflict != 0, m&refusalSeen != 0, m&refusalLost != 0}
}

// refusalsFact is readings that the ledger has refused, and how many may be kept in all.
type refusalsFact struct {
	max  uint32
	part []Refusal
}

// AppendRefusals adds refused readings to a batch, in order of arrival. None at all only says how
// many may be kept in all.
func AppendRefusals(b []byte, refusalsMax uint32, part []Refusal) []byte {
	b = binary.BigEndian.AppendUint32(append(b, byte(kindRefusals)), refusalsMax)
	b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
	for _, r := range part {
		b = appendRefusal(b, r)
	}
	return b
}

func appendRefusal(b []byte, r Refusal) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(r.Meter))
	return append(appendPoint(b, meter.Point{Slot: r.Slot, Register: r.Register}), byte(r.marks()))
}

func (d *decoder) refusals() refusalsFact {
	f := refusalsFact{max: d.uint32()}
	for range d.items {
		f.part = append(f.part, d.refusal())
	}
	return f
}

func (d *decoder) refusal() Refusal {
	i, p := d.meter(), d.point()
	return refusalMarks(d.uint8()).of(Reading{i, p.Slot, p.Register})
}

func (f refusalsFact) effect(s *Store) Verdict {
	for _, r := range f.part {
		s.keepRefusal(r)
		s.trimRefusals(f.max)
	}
	s.trimRefusals(f.max)           // if there are none
	s.reader.yieldAt -= len(f.part) // each takes as long as a reading
	return Verdict{Outcome: Accepted}
}

func (s *Store) keepRefusal(r Refusal) {
	before := s.refusals.count
	if !s.refusals.add(r, s.grid.ice) {
		return
	}
	s.refused.Ever++
	if s.refusals.count == before { // the oldest of the meter has gone
		s.refused.PushedOut++
	}
}

func (s *Store) trimRefusals(refusalsMax uint32) {
	for s.refusals.count > int(refusalsMax) {
		s.refusals.pushOut(s.refusals.oldest, s.grid.ice)
		s.refused.PushedOut++
	}
}

// forgetRefusal is called with a reading that is recorded now. It looks closer only if any of its
// meter is kept.
func (s *Store) forgetRefusal(r Reading) {
	if s.refusals.newestOf.at(r.Meter) == 0 {
		return
	}
	if p := s.refusals.find(r); p != 0 {
		s.refusals.remove(p, s.grid.ice)
	}
}

// RefusalCounts says how many refused readings are kept.
type RefusalCounts struct {
	Kept            int    // now
	Ever, PushedOut uint64 // since the process began to apply, those of a replay included
}

// Refusals returns how many refused readings are kept.
func (s *Store) Refusals() RefusalCounts {
	s.mu.RLock()
	defer s.mu.RUnlock()
	counts := s.refused
	counts.Kept = s.refusals.count
	return counts
}

// Refused returns a meter's kept refusals in order of time; of one time, in order of arrival.
func (s *Store) Refused(i Index) []Refusal {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.SortedStableFunc(s.refusals.of(i), func(a, b Refusal) int { return cmp.Compare(a.Slot, b.Slot) })
}

// NotKept removes from refusals those that are kept, and returns the others in their order.
func (s *Store) NotKept(refusals []Refusal) []Refusal {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.DeleteFunc(refusals, func(r Refusal) bool { return s.refusals.find(r.Reading) != 0 })
}

// RefusedMeter is what is kept of a meter's readings that were refused because registers would
// fall. Conflicts are left out.
type RefusedMeter struct {
	Meter       Index
	Count       int         // at least 1
	First, Last meter.Point // in order of time; of several at one time, the first that came
	Highest     meter.Register
	HasNews     bool // some were refused since a person's last verdict on the meter's
	HasLost     bool // there were older ones, which are not kept any more
}

// AllRefused yields the meters of which there are such readings, in order of registration. It
// keeps no lock while it yields, so each is of a moment of its own.
func (s *Store) AllRefused(yield func(RefusedMeter) bool) {
	var some []RefusedMeter
	for from, end := Index(0), false; !end; {
		some, from, end = s.someRefused(some[:0], from)
		for _, m := range some {
			if !yield(m) {
				return
			}
		}
	}
}

// someRefused looks at meters from one on, until it has looked at many, or at many refusals. It
// returns the first that it did not look at, and whether it has looked at the last.
func (s *Store) someRefused(some []RefusedMeter, from Index) (_ []RefusedMeter, next Index, end bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	last := Index(len(s.refusals.newestOf) * segmentMeters)
	for looked := 0; from < last && looked < silentTogether; from++ {
		m := RefusedMeter{Meter: from}
		for r := range s.refusals.of(from) {
			m.add(r)
			looked++
		}
		if looked++; m.Count > 0 {
			some = append(some, m)
		}
	}
	return some, from, from >= last
}

func (m *RefusedMeter) add(r Refusal) {
	m.HasLost = m.HasLost || r.HasLost
	if r.IsConflict {
		return
	}
	m.HasNews = m.HasNews || !r.IsSeen
	p := meter.Point{Slot: r.Slot, Register: r.Register}
	if m.Count == 0 || p.Slot < m.First.Slot {
		m.First = p
	}
	if m.Count == 0 || p.Slot > m.Last.Slot {
		m.Last = p
	}
	if p.Register.Cmp(m.Highest) > 0 {
		m.Highest = p.Register
	}
	m.Count++
}

// encodeRefusals writes all refusals in order of arrival:
//
//	refusals  23 | version | n uint32 | n × refusal, as in the entry
func encodeRefusals(e *stateEncoder, s *state) {
	part := make([]Refusal, 0, refusalsTogether)
	for r := range s.refusals.all {
		if part = append(part, r); len(part) == cap(part) {
			encodeList(e, part, noHead, appendRefusal)
			part = part[:0]
		}
	}
	encodeList(e, part, noHead, appendRefusal)
}

// refusalsTogether fill a record.
const refusalsTogether = recordBytes / (4 + pointBytes + 1)

func decodeRefusals(d *StateDecoder) {
	for range d.items {
		if r := d.refusal(); d.err == nil {
			d.s.keepRefusal(r)
		}
	}
}
