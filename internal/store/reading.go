package store

import (
	"encoding/binary"
	"fmt"
	"slices"

	"meterledger/internal/meter"
	"meterledger/internal/mutant"
)

// Reading is a reading whose meter is known.
type Reading struct {
	Meter    Index
	Slot     meter.Slot
	Register meter.Register
}

// ReadingBytesMax is the size of a reading in a batch, at the most.
const ReadingBytesMax = 1 + 1 + 4 + pointBytes

// Readings are entries of their own, or a pack of many. A reading or an account that an operator
// puts back is marked: it is taken also while reception is shut down. A hold keeps it out like
// any other, because the closing would drop it.
//
//	reading   02 | meter uint32 | point
//	restored  19 | a reading, a pack, an account, or what changed a meter's past
//
// AppendReadings adds readings to a batch, in their order, as a pack if they can be one.
func AppendReadings(b []byte, readings []Reading, restored bool) []byte {
	if p, ok := packOf(readings); ok {
		if restored {
			b = append(b, byte(kindRestored))
		}
		return p.append(b, readings)
	}
	for _, reading := range readings {
		if restored {
			b = append(b, byte(kindRestored))
		}
		b = AppendReading(b, reading)
	}
	return b
}

// AppendReading adds a reading to a batch.
func AppendReading(b []byte, r Reading) []byte {
	b = append(b, byte(kindReading))
	b = binary.BigEndian.AppendUint32(b, uint32(r.Meter))
	return appendPoint(b, meter.Point{Slot: r.Slot, Register: r.Register})
}

func (r *batchReader) restored() {
	switch k := kind(r.uint8()); k {
	case kindReading:
		r.reading(true)
	case kindPack:
		r.pack(true)
	default:
		if f := r.restoredFact(k); r.err == nil {
			r.verdicts.add(f.effect(r.s))
		}
	}
}

// restoredFact decodes what an operator puts back and is no reading.
func (d *decoder) restoredFact(k kind) fact {
	switch k {
	case kindAccount:
		return restoredAccount{d.account()}
	case kindExchange:
		x := d.exchange()
		x.restored = true
		return x
	case kindLimits:
		return restoredLimits{d.limitsFact()}
	case kindCorrection:
		return restoredCorrection{d.correction()}
	case kindRollover:
		return d.rollover()
	default:
		d.fail(fmt.Errorf("an entry of kind %d cannot be restored by this version: %w", k, ErrNewer))
		return nil
	}
}

func (r *batchReader) reading(restored bool) {
	i, point := r.meter(), r.point()
	if r.err == nil {
		r.verdicts.add(r.s.take(Reading{i, point.Slot, point.Register}, restored))
	}
}

// togetherReadings is the number of readings of a pack that are decoded, touched and
// taken together.
const togetherReadings = 64

func (r *batchReader) pack(restored bool) {
	p, distances := r.decodePack()
	var buffer [togetherReadings]Reading
	for left := p.n; left > 0 && r.err == nil; {
		readings := buffer[:min(left, togetherReadings)]
		err := p.decode(readings, distances)
		if err == nil {
			err = r.s.known(readings)
		}
		if err != nil {
			r.fail(err)
			return
		}
		r.s.touch(readings)
		r.takeAll(readings, restored)
		r.yield()
		left -= len(readings)
		distances = distances[len(readings)*p.stride():]
	}
}

// takeAll takes readings, as many at once as go on where their meters stand.
func (r *batchReader) takeAll(readings []Reading, restored bool) {
	isCalm := r.s.isCalm(restored)
	for len(readings) > 0 {
		n := 0
		if isCalm {
			n = r.s.goOn(readings)
		}
		if r.verdicts.n += n; n == 0 {
			r.verdicts.add(r.s.take(readings[0], restored))
			n = 1
		}
		readings = readings[n:]
	}
}

// known makes sure that readings are of meters that are registered and of a time that there is.
func (s *Store) known(readings []Reading) error {
	for i := range readings {
		if int(readings[i].Meter) >= len(s.accounts) {
			return fmt.Errorf("meter %d is not registered", readings[i].Meter)
		}
		if readings[i].Slot > slotMax {
			return errSlot(readings[i].Slot)
		}
	}
	return nil
}

// touch loads the blocks that judging these readings will need, so that cache misses
// overlap. Meters of a bulk come in any order; touch halves the time of Apply.
func (s *Store) touch(readings []Reading) {
	var sum uint64
	for i := range readings {
		at := &readings[i]
		day, place := at.Slot.Page()
		if _, b := s.grid.find(at.Meter, day); b != nil {
			sum += b.head + uint64(b.offsets[place])
		}
		sum += uint64(s.latest.at(at.Meter).Slot)
	}
	s.sink = sum
}

// take judges a reading and records it if it is accepted.
func (s *Store) take(r Reading, restored bool) Verdict {
	verdict := s.judge(r, restored)
	if verdict.Outcome <= Duplicate && s.refusals.count > 0 {
		s.forgetRefusal(r)
	}
	if verdict.Outcome == Accepted {
		if s.marked.has(r.Meter) {
			if !restored && s.affirm(r) {
				return verdict
			}
			s.follow(r, restored)
		}
		s.record(r.Meter, meter.Point{Slot: r.Slot, Register: r.Register})
		if s.level >= LevelHolds {
			s.arrive(r.Slot)
		}
		if m := s.monthAt(r.Slot); m != nil {
			m.late = !mutant.LateReadingForgotten
		}
	}
	return verdict
}

// follow makes a meter's dials those that follow from a reading that is about to be recorded.
func (s *Store) follow(r Reading, restored bool) {
	l := *s.lifeOf(r.Meter)
	_, dials := s.fit(r, restored)
	place := slices.Index(l.displaced, meter.Point{Slot: r.Slot, Register: r.Register})
	if place >= 0 {
		l.displaced = slices.Delete(slices.Clone(l.displaced), place, place+1)
	}
	if place >= 0 || !dials.Equal(l.dials) {
		l.dials = dials
		s.live(r.Meter, l)
	}
}

func (s *Store) record(i Index, p meter.Point) {
	s.grid.set(i, p.Slot, p.Register)
	s.readings++
	if p.Slot > s.latest.at(i).Slot {
		s.latest.set(i, p, s.grid.ice)
	}
}

// unrecord takes a reading out of memory, where it must be.
func (s *Store) unrecord(i Index, slot meter.Slot) {
	s.grid.drop(i, slot)
	s.readings--
	if s.latest.at(i).Slot == slot {
		latest, _ := s.earlier(i, slot)
		s.latest.set(i, latest, s.grid.ice)
	}
}

// encodeLatest writes
//
//	latest  03 | version | first meter uint32 | n uint32 | n × point
func encodeLatest(e *stateEncoder, s *state) {
	encodeColumn(e, s.latest, noHead, appendPoint)
}

func decodeLatest(d *StateDecoder) { decodeColumn(d, &d.s.latest, d.point) }
