package store

import (
	"fmt"

	"meterledger/internal/meter"
	"meterledger/internal/mutant"
)

// Apply makes a batch of entries part of the state and appends one verdict for
// each of them, in order; a run has one for each of its readings. It is the only thing that changes a store. An error
// means that the batch is not one: it was not written by this program.
//
// Applying a batch a second time changes nothing.
func (s *Store) Apply(batch []byte, verdicts []Verdict) ([]Verdict, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := &decoder{rest: batch}
	for len(d.rest) > 0 {
		if d.rest[0] == kindRun {
			verdicts = s.applyRun(d, verdicts)
		} else {
			verdicts = append(verdicts, s.applyEntry(d))
		}
		if d.err != nil {
			return verdicts, fmt.Errorf("decoding entry %d of the batch: %w", len(verdicts), d.err)
		}
	}
	return verdicts, nil
}

func (s *Store) applyEntry(d *decoder) Verdict {
	switch kind := d.uint8(); kind {
	case kindReading:
		return s.applyReading(d)
	case kindAccount:
		return s.applyAccount(d)
	case kindReception:
		s.paused = d.uint8() == 0
	case kindRecall:
		return s.applyRecall(d)
	case kindSummaries:
		s.applySummaries(d)
	case kindClose:
		s.applyClose(d)
	case kindDay:
		s.applyDay(d)
	case kindIntent:
		s.applyIntent(d)
	case kindAdopt:
		return s.applyAdopt(d)
	default:
		d.fail(fmt.Errorf("kind %d is not known to this version", kind))
	}
	return Verdict{Outcome: nothingToJudge}
}

func (s *Store) applyAccount(d *decoder) Verdict {
	account := meter.Account{RegisteredAt: d.time(), ID: meter.ID(d.text()), OwnerName: d.text(), Address: d.text()}
	if d.err != nil {
		return Verdict{}
	}
	if _, exists := s.byID[account.ID]; exists {
		return Verdict{Outcome: MeterExists}
	}
	s.byID[account.ID] = Index(len(s.accounts))
	s.accounts = append(s.accounts, account)
	s.followers = append(s.followers, 0)
	return Verdict{Outcome: Accepted}
}

func (s *Store) applyReading(d *decoder) Verdict {
	i, point := s.meter(d), d.point()
	if d.err != nil {
		return Verdict{}
	}
	return s.take(Reading{i, point.Slot, point.Register})
}

// togetherReadings is how many readings of a run are decoded, looked at and taken
// together.
const togetherReadings = 64

func (s *Store) applyRun(d *decoder, verdicts []Verdict) []Verdict {
	d.uint8() // its kind
	r, distances := d.run()
	var buffer [togetherReadings]Reading
	for left := r.n; left > 0 && d.err == nil; {
		readings := buffer[:min(left, togetherReadings)]
		if err := s.decodeRun(r, readings, distances); err != nil {
			d.fail(err)
			break
		}
		s.touch(readings)
		for i := range readings {
			verdicts = append(verdicts, s.take(readings[i]))
		}
		left -= len(readings)
		distances = distances[len(readings)*r.stride():]
	}
	return verdicts
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

// touch reads the memory that some readings are about to need. Meters of a bulk come in
// any order, and the processor fetches all of it at once here, where it would
// wait for one after the other between judging them. It halves the time of Apply.
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
	s.touched = sum
}

// take judges a reading and records it where it is accepted.
func (s *Store) take(r Reading) Verdict {
	verdict := s.judge(r)
	if verdict.Outcome == Accepted {
		s.record(r.Meter, meter.Point{Slot: r.Slot, Register: r.Register})
		if m := s.monthAt(r.Slot); m != nil {
			m.late = !mutant.LateReadingForgotten
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

func (s *Store) meter(d *decoder) Index {
	i := Index(d.uint32())
	if d.err == nil && int(i) >= len(s.accounts) {
		d.fail(fmt.Errorf("meter %d is not registered", i))
	}
	return i
}

// applyRecall brings archived rows back into memory. They were accepted once and
// are not judged again.
func (s *Store) applyRecall(d *decoder) Verdict {
	name, revision, i := d.month(), d.uint32(), s.meter(d)
	m := s.closedMonth(name)
	stale := m == nil || m.Revision != revision || !m.mustRecall(i)
	for range d.uint32() {
		point := d.point()
		if d.err != nil {
			return Verdict{}
		}
		if _, taken := s.grid.at(i, point.Slot); !stale && !taken {
			s.record(i, point)
		}
	}
	if stale {
		return Verdict{Outcome: StaleRecall}
	}
	m.recalled.add(i)
	return Verdict{Outcome: Accepted}
}

func (s *Store) closedMonth(name meter.Month) *month {
	for _, m := range s.months {
		if m.Month == name {
			return m
		}
	}
	return nil
}
