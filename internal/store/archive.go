package store

import (
	"fmt"
	"slices"
	"time"

	"meterledger/internal/meter"
)

// applySummaries keeps summaries aside until their month is closed. An entry
// without any drops what a run that was cut off left behind.
func (s *Store) applySummaries(d *decoder) {
	name, n := d.month(), d.uint32()
	if d.err == nil && n == 0 {
		delete(s.pending, name)
	}
	m := s.closedMonth(name)
	for range n {
		i := s.meter(d)
		summary := d.summary()
		if d.err != nil {
			return
		}
		pending := s.pending[name]
		pending.set(i, summary, m.formerWith(i, summary), s.grid.ice)
		s.pending[name] = pending
	}
}

// applyClose makes the archive the place of a month's readings, and clears them
// from memory. Each meter's latest reading stays known.
func (s *Store) applyClose(d *decoder) {
	closed := d.monthArchive()
	if d.err != nil {
		return
	}
	registers := s.pending[closed.Month]
	delete(s.pending, closed.Month)
	delete(s.intents, closed.Month.String())
	m := s.closedMonth(closed.Month)
	if m == nil {
		m = &month{}
	} else if m.Revision >= closed.Revision {
		return // applied before
	}
	if closed.Revision != m.Revision+1 {
		d.fail(fmt.Errorf("revision %d of %s follows revision %d", closed.Revision, closed.Month, m.Revision))
		return
	}
	s.closings++
	if m.Revision == 0 {
		s.months = append(s.months, m)
	}
	*m = month{MonthArchive: closed, registers: registers, closings: append(m.closings, Closing{s.closings, closed.WrittenAt})}
	slices.SortFunc(s.months, func(a, b *month) int { return a.Month.Compare(b.Month) })
	s.readings -= s.grid.clear(m.cleared())
}

func (s *Store) applyIntent(d *decoder) {
	period, sum := d.text(), [32]byte(d.take(32))
	if d.err == nil && !slices.Contains(s.intents[period], sum) {
		s.intents[period] = append(s.intents[period], sum)
	}
}

func (s *Store) applyDay(d *decoder) {
	day := meter.Day{Year: int(d.uint32()), Month: time.Month(d.uint8()), Day: int(d.uint8())}
	archived := DayArchive{day, d.archive()}
	if d.err != nil {
		return
	}
	delete(s.intents, day.String())
	place, found := slices.BinarySearchFunc(s.days, day, func(a DayArchive, day meter.Day) int {
		return a.Day.Compare(day)
	})
	if found {
		s.days[place] = archived
		return
	}
	s.days = slices.Insert(s.days, place, archived)
}
