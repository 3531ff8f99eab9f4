package store

import (
	"encoding/binary"
	"slices"

	"meterledger/internal/meter"
)

// DayArchive is the archive of one day. Memory keeps its readings.
//
//	day  07 | day | archive
type DayArchive struct {
	Day meter.Day
	Archive
	Hold uint32 // the number of its run's hold: see CameSince
}

// AppendDay adds to a batch that a day was archived.
func AppendDay(b []byte, d meter.Day, a Archive) []byte {
	return appendArchive(appendDay(append(b, byte(kindDay)), d), a)
}

func (d *decoder) dayArchive() DayArchive { return DayArchive{Day: d.day(), Archive: d.archive()} }

func (a DayArchive) effect(s *Store) Verdict {
	a.Hold = s.holds
	s.settleIntents(a.Day.Period())
	s.days = slices.Clone(s.days)
	if place, found := slices.BinarySearchFunc(s.days, a.Day, compareDay); found {
		s.days[place] = a
	} else {
		s.days = slices.Insert(s.days, place, a)
	}
	return Verdict{Outcome: Accepted}
}

func compareDay(a DayArchive, d meter.Day) int { return a.Day.Compare(d) }

// Days returns the archived days, in order of time.
func (s *Store) Days() []DayArchive {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.days
}

// encodeDays writes for each archived day
//
//	day  04 | version 2 | day | archive | hold uint32
//
// Version 1 ended after archive.
func encodeDays(e *stateEncoder, s *state) {
	for _, d := range s.days {
		e.put(binary.BigEndian.AppendUint32(appendArchive(appendDay(e.begin(), d.Day), d.Archive), d.Hold))
	}
}

func decodeDay(d *StateDecoder) {
	day := d.dayArchive()
	if d.version > 1 {
		day.Hold = d.uint32()
	}
	d.s.days = append(d.s.days, day)
}
