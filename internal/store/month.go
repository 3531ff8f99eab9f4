package store

import (
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

// DayArchive is the archive of one day.
type DayArchive struct {
	Day meter.Day
	Archive
}

// MonthArchive is the archive of one closed month.
type MonthArchive struct {
	Month    meter.Month
	Window   meter.Window // from its first register to the first of the month after
	Revision uint32       // 1 when it was closed first, one more each time it was archived again
	Archive
}

// Summary is what a closed month keeps of a meter. It covers the month's window,
// the first register of the month after included where that was known at the
// closing, so that a bill ends where the next begins.
type Summary struct {
	Count       uint16 // readings within the window
	First, Last meter.Point
}

// Closing is when a revision of a month was closed.
type Closing struct {
	Number uint32 // counted over all months, from 1
	At     time.Time
}

// month is a month that was archived and cleared from memory.
type month struct {
	MonthArchive
	registers
	closings []Closing // by revision, from 1
	recalled indexSet  // meters whose archived rows are in memory again
	late     bool      // readings came since it was closed
}

// formerWith returns what a meter's summary was before, when it is a new one from
// the month's next revision on.
func (m *month) formerWith(i Index, summary Summary) *Former {
	if m == nil {
		return nil
	}
	former := m.former.at(i)
	if before, _ := m.summary(i); before != summary {
		former = &Former{Summary: before, Until: m.Revision + 1, before: former}
	}
	return former
}

// mustRecall reports whether rows of the meter stand in the archive only.
func (m *month) mustRecall(i Index) bool {
	_, archived := m.summary(i)
	return archived && !m.recalled.has(i)
}

// holds reports whether the archive may hold rows of the meter within a window that
// are not in memory.
func (m *month) holds(i Index, w meter.Window) bool {
	return m.cleared().From <= w.To && w.From <= m.cleared().To && m.mustRecall(i)
}

// cleared is the part of the window that belongs to the month's own archive.
func (m *month) cleared() meter.Window { return meter.Window{From: m.Window.From, To: m.Window.To - 1} }

// monthAt returns the closed month that a slot belongs to, or nil.
func (s *Store) monthAt(slot meter.Slot) *month {
	for _, m := range s.months {
		if m.cleared().Contains(slot) {
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

// LateMonths returns the closed months that readings came for since.
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

// ClosedUntil returns the first slot after all closed months, 0 where there are none.
func (s *Store) ClosedUntil() meter.Slot {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.months) == 0 {
		return 0
	}
	return s.months[len(s.months)-1].Window.To
}

// SummaryAt returns a meter's closed month that a slot belongs to, where it has
// readings in it.
func (s *Store) SummaryAt(i Index, slot meter.Slot) (MonthSummary, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if m := s.monthAt(slot); m != nil {
		summary, ok := m.summary(i)
		return MonthSummary{m.MonthArchive, summary}, ok
	}
	return MonthSummary{}, false
}

// Intents returns the hashes of the archives that were about to take the place of a
// period's file, where runs were cut off there: any of them may have done so.
func (s *Store) Intents(period string) [][32]byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.intents[period])
}

// Days returns the archived days, in order of time.
func (s *Store) Days() []DayArchive {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.days)
}

// MonthSummary is one meter's closed month.
type MonthSummary struct {
	MonthArchive
	Summary
}

// Archived returns the window of the rows that stand in the month's own archive.
func (m MonthSummary) Archived() meter.Window {
	return meter.Window{From: m.Window.From, To: m.Window.To - 1}
}

// Fits reports whether rows can be a meter's part of the month's archive: as many
// as were written, with the first and the last of them.
func (m MonthSummary) Fits(rows []meter.Point) bool {
	count, last := int(m.Count), m.Last
	if last.Slot == m.Window.To { // the register after the month stands in the next archive
		count, last = count-1, meter.Point{}
	}
	if len(rows) != count || count == 0 || rows[0] != m.First {
		return false
	}
	return last == meter.Point{} || rows[count-1] == last
}

// MonthHistory is one meter's closed month and what it was before.
type MonthHistory struct {
	MonthSummary
	Former   []Former  // in order of time
	Closings []Closing // by revision, from 1
}

// Histories returns the closed months in which a meter has readings, in order
// of time.
func (s *Store) Histories(i Index) []MonthHistory {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var histories []MonthHistory
	for _, m := range s.months {
		if summary, ok := m.summary(i); ok {
			histories = append(histories, MonthHistory{
				MonthSummary{m.MonthArchive, summary}, m.former.at(i).list(), m.closings[:len(m.closings):len(m.closings)],
			})
		}
	}
	return histories
}
