package store

import (
	"encoding/binary"
	"fmt"

	"meterledger/internal/meter"
)

// Reading is a reading whose meter is known.
type Reading struct {
	Meter    Index
	Slot     meter.Slot
	Register meter.KWh
}

// ReadingBytesMax is the size of a reading in a batch, at the most.
const ReadingBytesMax = 1 + 1 + 4 + pointBytes

// Readings are entries of their own, or a run of many. A reading that an operator puts
// back is marked: neither a hold nor the switch of reception keeps it out.
//
//	reading   02 | meter uint32 | point
//	restored  19 | a reading or a run
//
// AppendReadings adds readings to a batch, in their order, as a run if they can be one.
func AppendReadings(b []byte, readings []Reading, restored bool) []byte {
	r, ok := runOf(readings)
	if ok && restored {
		b = append(b, byte(kindRestored))
	}
	if ok {
		return r.append(b, readings)
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

func (a *applier) restored() {
	switch k := kind(a.uint8()); k {
	case kindReading:
		a.reading(true)
	case kindRun:
		a.run(true)
	default:
		a.fail(fmt.Errorf("an entry of kind %d cannot be restored", k))
	}
}

func (a *applier) reading(restored bool) {
	i, point := a.meter(), a.point()
	if a.err == nil {
		a.verdicts = append(a.verdicts, a.s.take(Reading{i, point.Slot, point.Register}, restored))
	}
}

// togetherReadings is how many readings of a run are decoded, touched and taken
// together.
const togetherReadings = 64

func (a *applier) run(restored bool) {
	r, distances := a.decodeRun()
	var buffer [togetherReadings]Reading
	for left := r.n; left > 0 && a.err == nil; {
		readings := buffer[:min(left, togetherReadings)]
		if err := a.s.decodeRun(r, readings, distances); err != nil {
			a.fail(err)
			break
		}
		a.s.touch(readings)
		for i := range readings {
			a.verdicts = append(a.verdicts, a.s.take(readings[i], restored))
		}
		a.yield()
		left -= len(readings)
		distances = distances[len(readings)*r.stride():]
	}
}

func (s *Store) decodeRun(r run, readings []Reading, distances []byte) error {
	if err := r.decode(readings, distances); err != nil {
		return err
	}
	for i := range readings {
		if int(readings[i].Meter) >= len(s.accounts) {
			return fmt.Errorf("meter %d is not registered", readings[i].Meter)
		}
	}
	return nil
}

// touch loads the blocks that judging these readings will need, so that cache misses
// overlap. Meters of a bulk come in any order; it halves the time of Apply.
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
	if verdict.Outcome == Accepted {
		s.record(r.Meter, meter.Point{Slot: r.Slot, Register: r.Register})
		if m := s.monthAt(r.Slot); m != nil {
			m.late = true
		}
	}
	return verdict
}

func (s *Store) record(i Index, p meter.Point) {
	s.grid.set(i, p.Slot, p.Register)
	s.readings++
	if p.Slot > s.latest.at(i).Slot {
		s.latest.set(i, p, s.grid.ice)
	}
}

// encodeLatest writes
//
//	latest  03 | version | first meter uint32 | n uint32 | n × point
func encodeLatest(e *stateEncoder, s *state) {
	encodeColumn(e, s.latest, 3, noHead, appendPoint)
}

func readLatest(r *stateReader, _ uint8) { readColumn(r, &r.s.latest, r.point) }
