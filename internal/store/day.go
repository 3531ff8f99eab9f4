package store

import (
	"encoding/binary"
	"slices"

	"meterledger/internal/meter"
)

// DayArchive is the archive of one day. Memory keeps its readings. The entry has what is
// needed to tell what the file lacks, so that applying it a second time changes nothing.
//
//	day  22 | day | archive | arrivals uint64
//	day  07 | day | archive, from before there were arrivals
type DayArchive struct {
	Day meter.Day
	Archive
	Arrivals uint64 // before the run looked for the day's readings: the file may lack those that came since, see CameSince
}

// AppendDay adds to a batch that a day was archived.
func AppendDay(b []byte, d DayArchive) []byte {
	return appendArchivedDay(append(b, byte(kindArchivedDay)), d)
}

func appendArchivedDay(b []byte, d DayArchive) []byte {
	return binary.BigEndian.AppendUint64(appendArchive(appendDay(b, d.Day), d.Archive), d.Arrivals)
}

func (d *decoder) dayArchive() DayArchive { return DayArchive{Day: d.day(), Archive: d.archive()} }

func (d *decoder) archivedDay() DayArchive {
	a := d.dayArchive()
	a.Arrivals = d.uint64()
	return a
}

func (a DayArchive) effect(s *Store) Verdict {
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
//	day  04 | version 2 | day | archive | arrivals uint64
//
// Version 1 ended after archive.
func encodeDays(e *stateEncoder, s *state) {
	for _, d := range s.days {
		e.put(appendArchivedDay(e.begin(), d))
	}
}

func decodeDay(d *StateDecoder) {
	if d.version == 1 {
		d.s.days = append(d.s.days, d.dayArchive())
	} else {
		d.s.days = append(d.s.days, d.archivedDay())
	}
}
