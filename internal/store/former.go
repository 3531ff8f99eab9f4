package store

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"meterledger/internal/meter"
)

// Below LevelHolds no bill was written down. It was worked out from the summaries of
// the closed months, the former ones among them, whenever somebody asked. This is that
// rule, as it was: it makes facts of those bills.

// issueByRule issues the bills of a month that is about to be closed, and that of the
// month after which the meter has readings in, by the rule of LevelBegun: a bill opens
// where the one before it closed, or with its first reading.
func (s *Store) issueByRule(m *month, pending *newMonth, closing MonthArchive) {
	for i := range Index(len(s.accounts)) {
		summary, ok := pending.summary(i)
		if !ok {
			continue
		}
		before, _ := m.bill(i)
		figures := summary.figures()
		if opening, ok := s.lastBefore(i, closing.Month); ok {
			figures.Start = opening
		}
		bill := before.revised(figures.Over(s.lifeOf(i).dials), closing.WrittenAt)
		pending.setBill(i, &bill, s.grid.ice)
		s.reopen(i, closing, summary.Last)
	}
}

// lastBefore returns the last register of a meter's closed months before one.
func (s *Store) lastBefore(i Index, name meter.Month) (last meter.Point, ok bool) {
	for _, m := range s.months {
		if summary, has := m.summary(i); has && m.Month.Before(name) {
			last, ok = summary.Last, true
		}
	}
	return last, ok
}

// reopen issues the meter's next bill after a month, which opens where that closed.
func (s *Store) reopen(i Index, closing MonthArchive, opening meter.Point) {
	for _, m := range s.months {
		if bill, ok := m.bill(i); ok && closing.Month.Before(m.Month) {
			figures := bill.Figures
			figures.Start = opening
			bill = bill.revised(figures.Over(s.lifeOf(i).dials), closing.WrittenAt)
			m.setBill(i, &bill, s.grid.ice)
			return
		}
	}
}

// formerMonth is what the first version of a state knew of the closings of a month.
type formerMonth struct {
	month    *month
	closings []formerClosing           // by revision, from 1
	former   map[Index][]formerSummary // in order of time
}

// formerClosing is when a revision of a month was closed, counted over all months.
type formerClosing struct {
	number uint32
	at     time.Time
}

// formerSummary is a meter's summary until a revision.
type formerSummary struct {
	Summary

	until uint32
}

// closings reads what stands at the end of a month's record of version 1.
func (d *StateDecoder) closings(m *month) {
	if n := d.uint32(); d.err == nil && (n != m.Revision || n == 0) {
		d.fail(fmt.Errorf("%s has %d closings and revision %d", m.Month, n, m.Revision))
	}
	f := &formerMonth{month: m, former: make(map[Index][]formerSummary)}
	for d.err == nil && len(f.closings) < int(m.Revision) {
		f.closings = append(f.closings, formerClosing{d.uint32(), d.time()})
	}
	d.former = append(d.former, f)
}

// decodeFormer reads
//
//	former  08 | month | first meter uint32 | n uint32 | n × (n uint16, n × (until uint32, summary))
func decodeFormer(d *StateDecoder) {
	m := d.closedMonth()
	into := slices.IndexFunc(d.former, func(f *formerMonth) bool { return f.month == m })
	if into < 0 {
		d.fail(errors.New("former summaries of a month whose closings are not known"))
		return
	}
	d.formerColumn(func(i Index, all []formerSummary) { d.former[into].former[i] = all })
}

// decodePendingFormer passes over what the next closing would have made of summaries.
func decodePendingFormer(d *StateDecoder) {
	d.month()
	d.formerColumn(func(Index, []formerSummary) {})
}

func (d *StateDecoder) formerColumn(take func(Index, []formerSummary)) {
	d.columnRange(func(i Index) {
		var all []formerSummary
		for range d.uint16() {
			all = append(all, formerSummary{until: d.uint32(), Summary: d.summary()})
			if d.err != nil {
				return
			}
		}
		if len(all) > 0 {
			take(i, all)
		}
	})
}

// at returns a meter's summary as a revision of the month left it.
func (f *formerMonth) at(i Index, revision uint32) Summary {
	for _, former := range f.former[i] {
		if revision < former.until {
			return former.Summary
		}
	}
	return f.month.summaries.at(i)
}

// issueFormer makes the bills that a state of the first version did not have: it closes
// the months once more, in the order in which they were closed.
func (d *StateDecoder) issueFormer() {
	type closing struct {
		*formerMonth

		revision uint32
	}
	var all []closing
	for _, f := range d.former {
		for n := range f.closings {
			all = append(all, closing{f, uint32(n + 1)})
		}
	}
	at := func(c closing) formerClosing { return c.closings[c.revision-1] }
	slices.SortFunc(all, func(a, b closing) int { return cmp.Compare(at(a).number, at(b).number) })
	months := d.s.months
	d.s.months = nil
	for _, c := range all {
		m := &month{MonthArchive: c.month.MonthArchive}
		if closed := d.s.closedMonth(m.Month); closed != nil {
			m = closed
		}
		m.Revision, m.WrittenAt = c.revision, at(c).at
		pending := &newMonth{}
		for i := range Index(len(d.s.accounts)) {
			if summary := c.at(i, c.revision); summary.Count > 0 {
				pending.summaries.set(i, summary, ice{})
			}
		}
		d.s.issueByRule(m, pending, m.MonthArchive)
		m.meterRecords = pending.meterRecords
		d.s.setMonth(m)
	}
	for n, m := range months {
		m.bills = d.s.months[n].bills
	}
	d.s.months = months
}
