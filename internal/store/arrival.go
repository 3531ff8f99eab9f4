package store

import (
	"encoding/binary"
	"fmt"

	"meterledger/internal/meter"
)

// arrivals says of each half hour, by Index(slot), how many holds had been taken when a
// reading of it was accepted last, and one more: 0 if none was. So it tells which
// readings came since a run began, however many meters there are.
type arrivals struct{ column[uint32] }

// arrive notes that a reading of a slot was accepted now.
func (s *Store) arrive(slot meter.Slot) {
	if now := s.holds + 1; s.arrivals.at(Index(slot)) != now {
		s.arrivals.set(Index(slot), now, s.grid.ice)
	}
}

// CameSince reports whether a reading within a window was accepted since a hold was taken,
// which is given by its number; since the first reading of all if that is 0.
func (s *Store) CameSince(w meter.Window, hold uint32) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for slot := w.From; slot <= w.To && int(slot/segmentMeters) < len(s.arrivals.column); slot++ {
		if s.arrivals.at(Index(slot)) > hold {
			return true
		}
	}
	return false
}

// FirstArrival returns the earliest slot of which a reading was accepted.
func (s *Store) FirstArrival() (first meter.Slot, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for i := range s.arrivals.all {
		return meter.Slot(i), true
	}
	return 0, false
}

// encodeHolds and encodeArrivals write
//
//	holds     18 | version | holds uint32
//	arrivals  19 | version | first slot uint32 | n uint32 | n × uint32
func encodeHolds(e *stateEncoder, s *state) { e.put(binary.BigEndian.AppendUint32(e.begin(), s.holds)) }

func decodeHolds(d *StateDecoder) { d.s.holds, d.hasArrivals = d.uint32(), true }

func encodeArrivals(e *stateEncoder, s *state) {
	encodeColumn(e, s.arrivals.column, noHead, binary.BigEndian.AppendUint32)
}

func decodeArrivals(d *StateDecoder) {
	first, n := d.uint32(), d.uint32()
	if day, _ := meter.Slot(first).Page(); day > dayMax || n > segmentMeters {
		d.fail(fmt.Errorf("arrivals of %d half hours from %d on", n, first))
		return
	}
	for slot := first; slot < first+n && d.err == nil; slot++ {
		if value := d.uint32(); value != 0 {
			d.s.arrivals.set(Index(slot), value, ice{})
		}
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
