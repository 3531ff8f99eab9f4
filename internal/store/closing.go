package store

import (
	"encoding/binary"
	"fmt"
	"slices"

	"meterledger/internal/meter"
)

// What a closing will keep of a month goes through the journal first, part by part: a
// summary of each meter, and the bills that are issued with it, see AppendBills. None
// of it means anything until the closing itself, and it goes with the hold.
//
//	summaries  05 | month | n uint32 | n × (meter uint32 | summary)
//	close      06 | month | revision uint32 | window from, to uint32 | archive
//	adopt      10 | as close
//
//	summary: count uint16 | first point | last point

// registers are what a closed month keeps of each meter.
type registers struct {
	summaries column[Summary] // Count is 0 for a meter without readings
	bills     column[*Bill]   // only those that say something else than the summary
}

// newMonth is what the next closing of a month will keep.
type newMonth struct {
	registers

	revised []revisedBill // of later months
}

func (r *registers) summary(i Index) (Summary, bool) {
	summary := r.summaries.at(i)
	return summary, summary.Count > 0
}

func (r *registers) share() registers { return registers{r.summaries.share(), r.bills.share()} }

// SummaryOf is the summary of one meter.
type SummaryOf struct {
	Meter Index
	Summary
}

type summaries struct {
	month meter.Month
	part  []SummaryOf
}

// AppendSummaries adds a part of a month's summaries to a batch. Below LevelHolds an
// empty part drops those that were added before.
func AppendSummaries(b []byte, m meter.Month, part []SummaryOf) []byte {
	b = appendMonth(append(b, byte(kindSummaries)), m)
	b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
	for _, s := range part {
		b = binary.BigEndian.AppendUint32(b, uint32(s.Meter))
		b = appendSummary(b, s.Summary)
	}
	return b
}

func appendSummary(b []byte, s Summary) []byte {
	b = binary.BigEndian.AppendUint16(b, s.Count)
	return appendPoint(appendPoint(b, s.First), s.Last)
}

func decodeSummaries(d *decoder) fact {
	s := summaries{month: d.month()}
	for range d.uint32() {
		s.part = append(s.part, SummaryOf{d.meter(), d.summary()})
		if d.err != nil {
			break
		}
	}
	return s
}

func (d *decoder) summary() Summary {
	return Summary{Count: d.uint16(), First: d.point(), Last: d.point()}
}

func (part summaries) effect(s *Store) Verdict {
	if len(part.part) == 0 {
		delete(s.pending, part.month)
		return Verdict{Outcome: Accepted}
	}
	pending := s.pendingMonth(part.month)
	for _, of := range part.part {
		pending.summaries.set(of.Meter, of.Summary, s.grid.ice)
	}
	return Verdict{Outcome: Accepted}
}

func (s *Store) pendingMonth(m meter.Month) *newMonth {
	pending := s.pending[m]
	if pending == nil {
		pending = &newMonth{}
		s.pending[m] = pending
	}
	return pending
}

// takePending returns what a closing of a month keeps, and forgets that it was pending.
func (s *Store) takePending(m meter.Month) *newMonth {
	pending := s.pendingMonth(m)
	delete(s.pending, m)
	return pending
}

// closing makes the archive the place of a month's readings and clears them from memory.
// Each meter's latest reading stays known.
type closing struct{ MonthArchive }

// AppendClose adds the closing of a month to a batch: its archive is on disk.
func AppendClose(b []byte, m MonthArchive) []byte {
	return appendMonthArchive(append(b, byte(kindClose)), m)
}

func appendMonthArchive(b []byte, m MonthArchive) []byte {
	b = appendMonth(b, m.Month)
	b = binary.BigEndian.AppendUint32(b, m.Revision)
	b = appendWindow(b, m.Window)
	return appendArchive(b, m.Archive)
}

func decodeClosing(d *decoder) fact { return closing{d.monthArchive()} }

func (d *decoder) monthArchive() MonthArchive {
	return MonthArchive{Month: d.month(), Revision: d.uint32(), Window: d.window(), Archive: d.archive()}
}

func (c closing) effect(s *Store) Verdict {
	m := s.closedMonth(c.Month)
	if m == nil {
		m = &month{}
	}
	if again := c.Revision == m.Revision && c.SHA256 == m.SHA256; again {
		s.takePending(c.Month)
		s.settleIntents(c.Month.String())
		return Verdict{Outcome: Accepted}
	}
	if !s.holdsBack(c.Window.Rows()) || c.Revision != m.Revision+1 {
		return Verdict{Outcome: Over}
	}
	pending := s.takePending(c.Month)
	s.settleIntents(c.Month.String())
	s.issue(m, pending, c.MonthArchive)
	*m = month{MonthArchive: c.MonthArchive, registers: pending.registers}
	s.setMonth(m)
	s.readings -= s.grid.clear(m.Window.Rows())
	return Verdict{Outcome: Accepted}
}

// adoption makes a file that was there before the archive of a month. It fits if the
// month is not closed, memory holds nothing of it, and the registers rise from what
// comes before it and to what comes after. The rows themselves never were in memory.
type adoption struct{ MonthArchive }

// AppendAdopt adds to a batch that a file which was there before is the archive of a
// month of which nothing is known. Its summaries stand before it, as before a closing.
func AppendAdopt(b []byte, m MonthArchive) []byte {
	return appendMonthArchive(append(b, byte(kindAdopt)), m)
}

func decodeAdoption(d *decoder) fact { return adoption{d.monthArchive()} }

func (a adoption) effect(s *Store) Verdict {
	if !s.holdsBack(a.Window.Rows()) {
		return Verdict{Outcome: Over}
	}
	pending := s.takePending(a.Month)
	m := &month{MonthArchive: a.MonthArchive, registers: pending.registers}
	if s.closedMonth(a.Month) != nil || s.grid.any(m.Window.Rows()) {
		return Verdict{Outcome: NotAdopted}
	}
	for i := range Index(len(s.accounts)) {
		if summary, ok := m.summary(i); ok && !s.rises(i, summary) {
			return Verdict{Outcome: NotAdopted, Other: summary.First}
		}
	}
	for i := range Index(len(s.accounts)) {
		if summary, ok := m.summary(i); ok && summary.Last.Slot > s.latest.at(i).Slot {
			s.latest.set(i, summary.Last, s.grid.ice)
		}
	}
	s.issue(&month{}, pending, a.MonthArchive)
	m.registers = pending.registers
	s.setMonth(m)
	return Verdict{Outcome: Accepted}
}

// setMonth puts a closed month into its place.
func (s *Store) setMonth(m *month) {
	place, found := slices.BinarySearchFunc(s.months, m.Month, compareMonth)
	if !found {
		s.months = slices.Insert(slices.Clone(s.months), place, m)
	}
	s.closedUntil = s.months[len(s.months)-1].Window.To
}

func compareMonth(m *month, name meter.Month) int { return m.Month.Compare(name) }

// rises reports whether a part of a meter's readings fits between those before and
// behind it.
func (s *Store) rises(i Index, part Summary) bool {
	earlier, hasEarlier := s.earlier(i, part.First.Slot)
	later, hasLater := s.later(i, part.Last.Slot)
	return rising(earlier, hasEarlier, meter.Point{}, false, part.First.Register).Outcome == Accepted &&
		rising(meter.Point{}, false, later, hasLater, part.Last.Register).Outcome == Accepted
}

// encodeMonths writes for each closed month
//
//	month  06 | version 2 | month | revision uint32 | window from, to uint32 | archive | late uint8
//
// Version 1 had n uint32 | n × recalled uint64 | n uint32 | n × (closing number uint32 | time) behind it.
func encodeMonths(e *stateEncoder, s *state) {
	for _, m := range s.months {
		e.put(appendFlag(appendMonthArchive(e.begin(6), m.MonthArchive), m.late))
	}
}

func readMonth(r *stateReader, version uint8) {
	m := &month{MonthArchive: r.monthArchive(), late: r.flag()}
	if version == 1 {
		m.recalled = r.words(nil)
		r.closings(m)
	}
	r.s.setMonth(m)
}

// closedMonth reads the name of a month that must be closed.
func (r *stateReader) closedMonth() *month {
	name := r.month()
	m := r.s.closedMonth(name)
	if m == nil {
		r.fail(fmt.Errorf("a record of %s, which is not closed", name))
	}
	return m
}

// encodeSummaries writes for each closed month, and encodePendingSummaries for each that
// is being closed,
//
//	summaries  07 | version | month | first meter uint32 | n uint32 | n × summary
//	pending    09 | as summaries
func encodeSummaries(e *stateEncoder, s *state) {
	for _, m := range s.months {
		encodeColumn(e, m.summaries, 7, monthHead(m.Month), appendSummary)
	}
}

func readSummaries(r *stateReader, _ uint8) {
	if m := r.closedMonth(); m != nil {
		readColumn(r, &m.summaries, r.summary)
	}
}

func encodePendingSummaries(e *stateEncoder, s *state) {
	for _, name := range pendingMonths(s) {
		encodeColumn(e, s.pending[name].summaries, 9, monthHead(name), appendSummary)
	}
}

func readPendingSummaries(r *stateReader, _ uint8) {
	readColumn(r, &r.s.pendingMonth(r.month()).summaries, r.summary)
}

func monthHead(m meter.Month) head { return func(b []byte, _ int) []byte { return appendMonth(b, m) } }

func pendingMonths(s *state) []meter.Month {
	var names []meter.Month
	for name := range s.pending {
		names = append(names, name)
	}
	slices.SortFunc(names, meter.Month.Compare)
	return names
}
