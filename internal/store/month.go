package store

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"time"

	"meterledger/internal/meter"
)

// Archive says what an archive file held when it was written.
type Archive struct {
	Rows      uint64
	SHA256    [32]byte
	WrittenAt time.Time
}

// MonthArchive is the archive of one closed month.
type MonthArchive struct {
	Month    meter.Month
	Window   meter.Window // from its first register to the first of the month after
	Revision uint32       // 1 when it was closed first, one more each time it was archived again
	Archive
}

// Summary is what a closed month keeps of a meter. It covers the month's window,
// including the first register of the month after if that was known at the
// closing, so that a bill ends where the next begins.
type Summary struct {
	Count       uint16 // readings within the window
	Sum         uint32 // of the rows in the archive, see SumOf; 0 if a program of before LevelSums closed the month
	First, Last meter.Point
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// SumOf returns the CRC32C of readings, each of them as entries have it.
func SumOf(rows []meter.Point) (sum uint32) {
	const size = 4 + 1 + 8 // of what appendPoint writes
	var room [64 * size]byte
	for some := range slices.Chunk(rows, 64) {
		for i, p := range some {
			b := room[size*i:][:size]
			coefficient, scale := p.Register.Parts()
			binary.BigEndian.PutUint32(b, uint32(p.Slot))
			b[4] = scale
			binary.BigEndian.PutUint64(b[5:], uint64(coefficient))
		}
		sum = crc32.Update(sum, castagnoli, room[:size*len(some)])
	}
	return sum
}

// month is a month that was archived and cleared from memory.
type month struct {
	MonthArchive
	meterRecords
	recalled indexSet // meters whose archived rows are in memory again
	late     bool     // readings came since it was closed
}

// mustRecall reports whether rows of the meter stand in the archive only.
func (m *month) mustRecall(i Index) bool {
	_, archived := m.summary(i)
	return archived && !m.recalled.has(i)
}

// holds reports whether the archive may hold rows of the meter within a window that
// are not in memory.
func (m *month) holds(i Index, w meter.Window) bool {
	return m.Window.Rows().From <= w.To && w.From <= m.Window.Rows().To && m.mustRecall(i)
}

func (s *Store) closedMonth(name meter.Month) *month {
	if place, found := slices.BinarySearchFunc(s.months, name, compareMonth); found {
		return s.months[place]
	}
	return nil
}

// monthAt returns the closed month that a slot belongs to, or nil.
func (s *Store) monthAt(slot meter.Slot) *month {
	if slot >= s.closedUntil {
		return nil
	}
	for _, m := range s.months {
		if m.Window.Rows().Contains(slot) {
			return m
		}
	}
	return nil
}

// Months returns the closed months, in order of time.
func (s *Store) Months() []MonthArchive {
	s.mu.RLock()
	defer s.mu.RUnlock()
	months := make([]MonthArchive, len(s.months))
	for i, m := range s.months {
		months[i] = m.MonthArchive
	}
	return months
}

// Archived returns the archive of a period as it was written last.
func (s *Store) Archived(p meter.Period) (Archive, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if p.IsMonth() {
		if m := s.closedMonth(p.CalendarMonth()); m != nil {
			return m.Archive, true
		}
		return Archive{}, false
	}
	if place, found := slices.BinarySearchFunc(s.days, p.FirstDay(), compareDay); found {
		return s.days[place].Archive, true
	}
	return Archive{}, false
}

// Revision returns how often a month was closed.
func (s *Store) Revision(name meter.Month) uint32 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if m := s.closedMonth(name); m != nil {
		return m.Revision
	}
	return 0
}

// LateMonths returns the closed months that have had readings since they were closed.
func (s *Store) LateMonths() []meter.Month {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var late []meter.Month
	for _, m := range s.months {
		if m.late {
			late = append(late, m.Month)
		}
	}
	return late
}

// Month returns the closed month that a slot belongs to.
func (s *Store) Month(slot meter.Slot) (MonthArchive, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if m := s.monthAt(slot); m != nil {
		return m.MonthArchive, true
	}
	return MonthArchive{}, false
}

// ClosedUntil returns the first slot after all closed months, 0 if there are none.
func (s *Store) ClosedUntil() meter.Slot { return meter.Slot(s.told.closedUntil.Load()) }

// SummaryAt returns a meter's closed month that a slot belongs to, and reports whether
// the meter has readings in it.
func (s *Store) SummaryAt(i Index, slot meter.Slot) (MonthSummary, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if m := s.monthAt(slot); m != nil {
		summary, ok := m.summary(i)
		return MonthSummary{m.MonthArchive, summary}, ok
	}
	return MonthSummary{}, false
}

// MonthSummary is one meter's closed month.
type MonthSummary struct {
	MonthArchive
	Summary
}

// Fits reports whether rows are a meter's part of the month's archive: as many as were written, with
// the first and the last of them, and of the same sum.
func (m MonthSummary) Fits(rows []meter.Point) bool {
	return m.fitsEnds(rows) && (m.Sum == 0 || m.Sum == SumOf(rows))
}

func (m MonthSummary) fitsEnds(rows []meter.Point) bool {
	count, last := int(m.Count), m.Last
	if last.Slot == m.Window.To { // the register after the month stands in the next archive
		count, last = count-1, meter.Point{}
	}
	if len(rows) != count || count == 0 || rows[0] != m.First {
		return false
	}
	return last == meter.Point{} || rows[count-1] == last
}
