package store

import (
	"encoding/binary"
	"fmt"
	"slices"

	"meterledger/internal/meter"
)

// arrivals says of each half hour, by Index(slot), which reading of all that were ever
// accepted was its last, counted from 1: 0 if none was. So it tells what came since a run
// looked, however many meters there are.
type arrivals struct {
	column column[*arrivalRun] // by slot / arrivalRunSlots

	count uint64 // of all readings that were ever accepted
	held  int64  // bytes, by the column

	// present is the slot of the newest arrivals while Apply goes on, which the column does
	// not know yet: many meters report a half hour together. 0 if there is none.
	present meter.Slot
}

// arrivalRunSlots keeps readings that come once a day from taking the memory of all half
// hours.
const arrivalRunSlots = 16

// arrivalRun is the arrivals of slots that follow each other.
type arrivalRun struct {
	age     age
	numbers [arrivalRunSlots]uint64
}

// What arrivals take, in bytes, as it is allocated.
const (
	arrivalRunBytes     = 144
	arrivalSegmentBytes = 9472
)

func (a *arrivals) at(slot meter.Slot) uint64 {
	if run := a.column.at(Index(slot / arrivalRunSlots)); run != nil {
		return run.numbers[slot%arrivalRunSlots]
	}
	return 0
}

func (a *arrivals) set(slot meter.Slot, number uint64, ice ice) {
	place := Index(slot / arrivalRunSlots)
	run := a.column.at(place)
	if run == nil {
		a.held += arrivalRunBytes
		if at := int(place / segmentMeters); at >= len(a.column) || a.column[at] == nil {
			a.held += arrivalSegmentBytes
		}
	}
	if run == nil || ice.covers(run.age) {
		young := arrivalRun{age: ice.age}
		if run != nil {
			young.numbers = run.numbers
		}
		run = &young
		a.column.set(place, run, ice)
	}
	run.numbers[slot%arrivalRunSlots] = number
}

// all yields the arrivals in order of time.
func (a *arrivals) all(yield func(meter.Slot, uint64) bool) {
	for i, run := range a.column.all {
		for n, number := range run.numbers {
			if number != 0 && !yield(meter.Slot(i)*arrivalRunSlots+meter.Slot(n), number) {
				return
			}
		}
	}
}

// end returns the slot after all that have a place.
func (a *arrivals) end() meter.Slot {
	return meter.Slot(len(a.column)) * segmentMeters * arrivalRunSlots
}

// arrive notes that a reading of a slot is accepted now.
func (s *Store) arrive(slot meter.Slot) {
	if slot != s.arrivals.present {
		s.noteArrivals()
		s.arrivals.present = slot
	}
	s.arrivals.count++
}

// noteArrivals puts the newest arrivals into the column.
func (s *Store) noteArrivals() {
	if s.arrivals.present != 0 {
		s.arrivals.set(s.arrivals.present, s.arrivals.count, s.grid.ice)
		s.arrivals.present = 0
	}
}

// Arrivals returns how many readings were ever accepted, for CameSince.
func (s *Store) Arrivals() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.arrivals.count
}

// CameSince reports whether a reading within a window was accepted after so many others;
// whether any ever was if that is 0.
func (s *Store) CameSince(w meter.Window, arrivals uint64) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for slot := w.From; slot <= w.To && slot < s.arrivals.end(); slot++ {
		if s.arrivals.at(slot) > arrivals {
			return true
		}
	}
	return false
}

// FirstArrival returns the earliest slot of which a reading was accepted.
func (s *Store) FirstArrival() (first meter.Slot, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for slot := range s.arrivals.all {
		return slot, true
	}
	return 0, false
}

// encodeArrivalCount and encodeArrivals write
//
//	count     18 | version | readings ever accepted uint64
//	arrivals  19 | version | first slot uint32 | n uint32 | n × uint64
func encodeArrivalCount(e *stateEncoder, s *state) {
	e.put(binary.BigEndian.AppendUint64(e.begin(), s.arrivals.count))
}

func decodeArrivalCount(d *StateDecoder) { d.s.arrivals.count, d.hasArrivals = d.uint64(), true }

func encodeArrivals(e *stateEncoder, s *state) {
	for first := meter.Slot(0); first < s.arrivals.end(); first += segmentMeters {
		if s.arrivals.column[first/arrivalRunSlots/segmentMeters] == nil {
			continue
		}
		var there segment[uint64]
		used := 0
		for n := range there.all {
			if there.all[n] = s.arrivals.at(first + meter.Slot(n)); there.all[n] != 0 {
				used = n + 1
			}
		}
		if used == 0 {
			continue
		}
		b := binary.BigEndian.AppendUint32(e.begin(), uint32(first))
		b = binary.BigEndian.AppendUint32(b, uint32(used))
		for _, number := range there.all[:used] {
			b = binary.BigEndian.AppendUint64(b, number)
		}
		e.put(b)
	}
}

func decodeArrivals(d *StateDecoder) {
	first, n := d.uint32(), d.uint32()
	if day, _ := meter.Slot(first).Page(); day > dayMax || n > segmentMeters {
		d.fail(fmt.Errorf("arrivals of %d half hours from %d on", n, first))
		return
	}
	for slot := first; slot < first+n && d.err == nil; slot++ {
		if value := d.uint64(); value != 0 {
			d.s.arrivals.set(meter.Slot(slot), value, ice{})
		}
	}
}

// rankArrivals puts arrivals and archived days into their order. The numbers themselves depend
// on the order of readings that came at the same time.
func (s *state) rankArrivals() {
	var marks []uint64
	for _, d := range s.days {
		marks = append(marks, d.Arrivals)
	}
	slices.Sort(marks)
	rank := func(number uint64) uint64 {
		before, _ := slices.BinarySearch(marks, number)
		return uint64(before)
	}
	ranked := arrivals{}
	for i, number := range s.arrivals.all {
		ranked.set(i, rank(number)+1, ice{})
	}
	s.arrivals = ranked
	s.days = slices.Clone(s.days)
	for place := range s.days {
		s.days[place].Arrivals = rank(s.days[place].Arrivals)
	}
}

// deriveArrivals makes the arrivals of a state from before they were kept: whatever is in
// memory may have come since its day was archived.
func (s *Store) deriveArrivals() {
	for n := range s.grid.lanes {
		for place := range s.grid.lanes[n].tiles {
			t := &s.grid.lanes[n].tiles[place]
			for day := range uint32(tileDays) {
				there := block{head: t.presence(day)}
				for place := range there.slots {
					s.arrive(slotOf(t.firstDay()+day, place))
				}
			}
		}
	}
	s.noteArrivals()
}

// presence returns the slots of a day of which a meter has a reading.
func (t *tile) presence(day uint32) (mask uint64) {
	if t.dense>>day&1 != 0 {
		for i := range t.chunks[day].blocks {
			mask |= t.chunks[day].blocks[i].mask()
		}
		return mask
	}
	for _, s := range t.strips {
		if at, found := s.find(day); found {
			mask |= s.strip[at:].mask()
		}
	}
	return mask
}
