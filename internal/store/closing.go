package store

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"meterledger/internal/meter"
)

// What a closing will keep of a month goes through the journal first, part by part: a
// summary of each meter, and the bills that are issued with it, see AppendBills. It has
// no effect until the closing itself, and is dropped with the hold.
//
//	summaries  05 | month | n uint32 | n × (meter uint32 | summary)
//	summed     36 | month | n uint32 | n × (meter uint32 | summary | sum uint32)
//	close      06 | month | revision uint32 | window from, to uint32 | archive
//	adopt      10 | as close
//
//	summary: count uint16 | first point | last point

// meterRecords are what a closed month keeps of each meter.
type meterRecords struct {
	summaries column[Summary] // Count is 0 for a meter without readings
	bills     column[*Bill]   // only those that differ from the summary
}

// newMonth is what the next closing of a month will keep.
type newMonth struct {
	meterRecords

	revised []monthBill // of other months
}

func (r *meterRecords) summary(i Index) (Summary, bool) {
	summary := r.summaries.at(i)
	return summary, summary.Count > 0
}

func (r *meterRecords) share() meterRecords {
	return meterRecords{slices.Clone(r.summaries), slices.Clone(r.bills)}
}

// SummaryOf is the summary of one meter.
type SummaryOf struct {
	Meter Index
	Summary
}

type summariesFact struct {
	month meter.Month
	part  []SummaryOf
}

// AppendSummaries adds a part of a month's summaries to a batch, without their sums. Below LevelHolds an
// empty part drops those that were added before.
func AppendSummaries(b []byte, m meter.Month, part []SummaryOf) []byte {
	return appendSummaries(append(b, byte(kindSummaries)), m, part, appendSummary)
}

// AppendSummaries adds a part of a month's summaries to a batch, with their sums unless programs of before LevelSums may read
// it.
func (l Level) AppendSummaries(b []byte, m meter.Month, part []SummaryOf) []byte {
	if l < LevelSums {
		return AppendSummaries(b, m, part)
	}
	return AppendSummed(b, m, part)
}

// AppendSummed adds a part of a month's summaries to a batch.
func AppendSummed(b []byte, m meter.Month, part []SummaryOf) []byte {
	return appendSummaries(append(b, byte(kindSummed)), m, part, appendSummed)
}

func appendSummaries(b []byte, m meter.Month, part []SummaryOf, add func([]byte, Summary) []byte) []byte {
	b = binary.BigEndian.AppendUint32(appendMonth(b, m), uint32(len(part)))
	for _, s := range part {
		b = add(binary.BigEndian.AppendUint32(b, uint32(s.Meter)), s.Summary)
	}
	return b
}

func appendSummary(b []byte, s Summary) []byte {
	b = binary.BigEndian.AppendUint16(b, s.Count)
	return appendPoint(appendPoint(b, s.First), s.Last)
}

func appendSummed(b []byte, s Summary) []byte {
	return binary.BigEndian.AppendUint32(appendSummary(b, s), s.Sum)
}

func (d *decoder) summaries() summariesFact { return d.summariesOf(d.summary) }

func (d *decoder) summed() summariesFact { return d.summariesOf(d.summaryAndSum) }

func (d *decoder) summariesOf(next func() Summary) summariesFact {
	s := summariesFact{month: d.month()}
	for range d.items {
		s.part = append(s.part, SummaryOf{d.meter(), next()})
	}
	return s
}

func (d *decoder) summary() Summary {
	return Summary{Count: d.uint16(), First: d.point(), Last: d.point()}
}

func (d *decoder) summaryAndSum() Summary {
	s := d.summary()
	s.Sum = d.uint32()
	return s
}

func (f summariesFact) effect(s *Store) Verdict {
	if len(f.part) == 0 {
		delete(s.pending, f.month)
		return Verdict{Outcome: Accepted}
	}
	pending := s.pendingMonth(f.month)
	s.held.records.summaries += summaryBytes * int64(len(f.part))
	for _, of := range f.part {
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

// closing records that a month's readings are in its archive, and clears them from
// memory. Each meter's latest reading stays known.
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

func (d *decoder) closing() closing { return closing{d.monthArchive()} }

func (d *decoder) monthArchive() MonthArchive {
	return MonthArchive{Month: d.month(), Revision: d.uint32(), Window: d.window(), Archive: d.archive()}
}

func (c closing) effect(s *Store) Verdict {
	m := s.closedMonth(c.Month)
	if again := m != nil && c.Revision == m.Revision && c.SHA256 == m.SHA256; again {
		delete(s.pending, c.Month)
		s.settleIntents(c.Month.Period())
		return Verdict{Outcome: Accepted}
	}
	if m == nil {
		m = &month{}
	}
	if !s.holdsBack(c.Window.Rows()) || c.Revision != m.Revision+1 {
		return Verdict{Outcome: Over}
	}
	pending := s.pendingMonth(c.Month)
	delete(s.pending, c.Month)
	s.settleIntents(c.Month.Period())
	s.issue(m, pending, c.MonthArchive)
	*m = month{MonthArchive: c.MonthArchive, meterRecords: pending.meterRecords}
	s.setMonth(m)
	s.readings -= s.grid.clear(m.Window.Rows())
	return Verdict{Outcome: Accepted}
}

// adoption makes a file that this program did not write the archive of a month. It fits
// if the month is not closed, memory holds nothing of it, and the registers rise from
// what comes before it and to what comes after. The rows themselves never were in memory.
type adoption struct{ MonthArchive }

// AppendAdopt adds the adoption of a file to a batch, for a month of which nothing is
// known. The month's summaries come before it, as before a closing.
func AppendAdopt(b []byte, m MonthArchive) []byte {
	return appendMonthArchive(append(b, byte(kindAdopt)), m)
}

func (d *decoder) adoption() adoption { return adoption{d.monthArchive()} }

func (a adoption) effect(s *Store) Verdict {
	if !s.holdsBack(a.Window.Rows()) {
		return Verdict{Outcome: Over}
	}
	pending := s.pendingMonth(a.Month)
	m := &month{MonthArchive: a.MonthArchive, meterRecords: pending.meterRecords}
	verdict := s.fits(m)
	if verdict.Outcome == Accepted || s.level < LevelHolds {
		delete(s.pending, a.Month)
	}
	if verdict.Outcome != Accepted {
		return verdict
	}
	for i := range Index(len(s.accounts)) {
		if summary, ok := m.summary(i); ok && summary.Last.Slot > s.latest.at(i).Slot {
			s.latest.set(i, summary.Last, s.grid.ice)
		}
	}
	s.issue(&month{}, pending, a.MonthArchive)
	m.meterRecords = pending.meterRecords
	s.setMonth(m)
	return verdict
}

// fits judges whether a month can be adopted.
func (s *Store) fits(m *month) Verdict {
	if s.closedMonth(m.Month) != nil || s.grid.any(m.Window.Rows()) {
		return Verdict{Outcome: NotAdopted}
	}
	for i := range Index(len(s.accounts)) {
		if summary, ok := m.summary(i); ok && !s.rises(i, summary) {
			return Verdict{Outcome: NotAdopted, Other: summary.First}
		}
	}
	return Verdict{Outcome: Accepted}
}

// setMonth puts a closed month into its place.
func (s *Store) setMonth(m *month) {
	place, found := slices.BinarySearchFunc(s.months, m.Month, compareMonth)
	if !found {
		s.months = slices.Insert(slices.Clone(s.months), place, m)
	}
	s.closedUntil = s.months[len(s.months)-1].Window.To
	s.told.closedUntil.Store(uint32(s.closedUntil))
	s.countRecords()
}

func compareMonth(m *month, name meter.Month) int { return m.Month.Compare(name) }

// rises reports whether a part of a meter's readings fits between those before and
// after it.
func (s *Store) rises(i Index, part Summary) bool {
	earlier, hasEarlier := s.earlier(i, part.First.Slot)
	later, hasLater := s.later(i, part.Last.Slot)
	d := s.lifeOf(i).dials
	return !(hasEarlier && d.Total(part.First).Cmp(d.Total(earlier)) < 0 || hasLater && d.Total(part.Last).Cmp(d.Total(later)) > 0)
}

// encodeMonths writes for each closed month
//
//	month  06 | version 2 | month | revision uint32 | window from, to uint32 | archive | late uint8
//
// Version 1 ended with n uint32 | n × recalled uint64 | n uint32 | n × (closing number uint32 | time).
func encodeMonths(e *stateEncoder, s *state) {
	for _, m := range s.months {
		e.put(appendFlag(appendMonthArchive(e.begin(), m.MonthArchive), m.late))
	}
}

func decodeMonth(d *StateDecoder) {
	m := &month{MonthArchive: d.monthArchive(), late: d.flag()}
	if d.version == 1 {
		m.recalled = d.appendWords(nil)
		d.closings(m)
	}
	d.s.setMonth(m)
}

// closedMonth reads the name of a closed month.
func (d *StateDecoder) closedMonth() *month {
	name := d.month()
	m := d.s.closedMonth(name)
	if m == nil {
		d.fail(fmt.Errorf("a record of %s, which is not closed", name))
	}
	return m
}

// encodeSummaries writes for each closed month, and encodePendingSummaries for each that
// is being closed,
//
//	summaries  07 | version 2 | month | first meter uint32 | n uint32 | n × (summary | sum uint32)
//	pending    09 | as summaries
//
// Version 1 had no sums.
func encodeSummaries(e *stateEncoder, s *state) {
	for _, m := range s.months {
		encodeColumn(e, m.summaries, monthHead(m.Month), appendSummed)
	}
}

func decodeSummaries(d *StateDecoder) {
	if m := d.closedMonth(); m != nil {
		decodeColumn(d, &m.summaries, d.versionOfSummary())
	}
}

func encodePendingSummaries(e *stateEncoder, s *state) {
	for _, name := range pendingMonths(s) {
		encodeColumn(e, s.pending[name].summaries, monthHead(name), appendSummed)
	}
}

func decodePendingSummaries(d *StateDecoder) {
	decodeColumn(d, &d.s.pendingMonth(d.month()).summaries, d.versionOfSummary())
}

// versionOfSummary returns what reads a summary of the present record.
func (d *StateDecoder) versionOfSummary() func() Summary {
	if d.version == 1 {
		return d.summary
	}
	return d.summaryAndSum
}

func pendingMonths(s *state) []meter.Month {
	return slices.SortedFunc(maps.Keys(s.pending), meter.Month.Compare)
}
