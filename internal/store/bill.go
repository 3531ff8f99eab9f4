package store

import (
	"encoding/binary"
	"slices"
	"time"
	"unsafe"

	"meterledger/internal/meter"
)

// A bill is a fact: its figures are written down when it is issued, and later rules do
// not change them. A bill that says what its month's summary says is not written a
// second time.
//
//	bills       20 | month | issued at | n uint32 | n × (month that the bill is for | meter uint32 | figures)
//	with dials  29 | as bills, with dials after each bill's figures
//
//	figures: readings uint16 | start point | end point
//	dials:   n uint32 | n × (at uint64 | kind uint8 | is estimated uint8 | old | new | estimated | serial)

// Figures are what a bill says of a meter's month.
type Figures struct {
	Readings   uint16 // within the month's window
	Start, End meter.Point
	Dials      meter.Dials // the changes between the two, as they were known
}

// Equal reports whether two bills say the same.
func (f Figures) Equal(other Figures) bool {
	return f.Readings == other.Readings && f.Start == other.Start && f.End == other.End && f.Dials.Equal(other.Dials)
}

// dialBytes is what the changes take, in bytes.
func (f Figures) dialBytes() int64 { return int64(len(f.Dials)) * int64(unsafe.Sizeof(meter.Change{})) }

// Over returns the figures with the changes of a meter between their registers. A bill does
// not say who entered one.
func (f Figures) Over(d meter.Dials) Figures {
	f.Dials = nil
	if within := d.Between(f.Start.Slot, f.End.Slot); len(within) > 0 {
		var shown []meter.Change
		for _, c := range within {
			shown = append(shown, meter.Change{At: c.At, Kind: c.Kind, Old: c.Old, New: c.New, Serial: c.Serial, IsEstimated: c.IsEstimated, Estimated: c.Estimated})
		}
		f.Dials = meter.NewDials(shown)
	}
	return f
}

// Bill is a bill as it was issued last.
type Bill struct {
	Figures
	Revision  uint32    // 1 when it is first issued, one more whenever its figures change
	RevisedAt time.Time // when they changed last; of no meaning in the first revision
	Previous  *Figures  // what it said before that; nil in the first revision
}

func (b *Bill) bytes() int64 {
	n := billBytes + b.dialBytes()
	if b.Previous != nil {
		n += b.Previous.dialBytes()
	}
	return n
}

// BillOf is what the bill of one meter's month shall say.
type BillOf struct {
	Month meter.Month
	Meter Index
	Figures
}

// figures are what a bill says that opens and ends with its month's registers.
func (s Summary) figures() Figures { return Figures{Readings: s.Count, Start: s.First, End: s.Last} }

// bill returns a meter's bill, and false if it has no readings in the month.
func (r *meterRecords) bill(i Index) (Bill, bool) {
	if b := r.bills.at(i); b != nil {
		return *b, true
	}
	summary, ok := r.summary(i)
	if !ok {
		return Bill{}, false
	}
	return Bill{Figures: summary.figures(), Revision: 1}, true
}

// revised returns the bill after figures were issued for it. Bill is zero if there was none.
func (b Bill) revised(f Figures, at time.Time) Bill {
	switch {
	case b.Revision == 0:
		return Bill{Figures: f, Revision: 1}
	case b.Figures.Equal(f):
		return b
	}
	before := b.Figures
	return Bill{Figures: f, Revision: b.Revision + 1, RevisedAt: at, Previous: &before}
}

// setBill keeps a bill, if its summary does not say the same.
func (r *meterRecords) setBill(i Index, b *Bill, ice ice) {
	if summary, _ := r.summary(i); b.Revision > 1 || !b.Figures.Equal(summary.figures()) {
		r.bills.set(i, b, ice)
	} else if r.bills.at(i) != nil {
		r.bills.set(i, nil, ice)
	}
}

// monthBill is the bill of one meter's month.
type monthBill struct {
	month meter.Month
	meter Index
	bill  *Bill
}

type billsFact struct {
	month meter.Month
	at    time.Time
	part  []BillOf
}

// AppendBills adds bills to a batch that the closing of a month issues: of the month
// itself, those that are new or change and do not just say what its summary says, and
// every one of another month that changes with it. They take effect with the closing.
func AppendBills(b []byte, m meter.Month, at time.Time, part []BillOf) []byte {
	kind, appendFigures := kindBills, appendFigures
	if slices.ContainsFunc(part, func(of BillOf) bool { return len(of.Dials) > 0 }) {
		kind, appendFigures = kindDialBills, appendDialFigures
	}
	b = appendTime(appendMonth(append(b, byte(kind)), m), at)
	b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
	for _, of := range part {
		b = binary.BigEndian.AppendUint32(appendMonth(b, of.Month), uint32(of.Meter))
		b = appendFigures(b, of.Figures)
	}
	return b
}

func appendFigures(b []byte, f Figures) []byte {
	b = binary.BigEndian.AppendUint16(b, f.Readings)
	return appendPoint(appendPoint(b, f.Start), f.End)
}

func appendDialFigures(b []byte, f Figures) []byte {
	b = binary.BigEndian.AppendUint32(appendFigures(b, f), uint32(len(f.Dials)))
	for _, c := range f.Dials {
		b = append(binary.BigEndian.AppendUint64(b, uint64(c.At)), byte(c.Kind))
		b = appendRegister(appendRegister(appendRegister(appendFlag(b, c.IsEstimated), c.Old), c.New), c.Estimated)
		b = appendText(b, c.Serial)
	}
	return b
}

func (d *decoder) bills() billsFact { return d.billsOf(d.figures) }

func (d *decoder) dialBills() billsFact { return d.billsOf(d.dialFigures) }

func (d *decoder) billsOf(figures func() Figures) billsFact {
	b := billsFact{month: d.month(), at: d.time()}
	for range d.items {
		b.part = append(b.part, BillOf{d.month(), d.meter(), figures()})
	}
	return b
}

func (d *decoder) figures() Figures {
	return Figures{Readings: d.uint16(), Start: d.point(), End: d.point()}
}

func (d *decoder) dialFigures() Figures {
	f := d.figures()
	var dials []meter.Change
	for range d.items {
		c := meter.Change{At: d.instant(), Kind: d.changeKind(), IsEstimated: d.flag(), Old: d.register(), New: d.register()}
		c.Estimated, c.Serial = d.register(), d.text()
		dials = append(dials, c)
	}
	if dials != nil {
		f.Dials = meter.NewDials(dials)
	}
	return f
}

func (f billsFact) effect(s *Store) Verdict {
	pending := s.pendingMonth(f.month)
	for _, of := range f.part {
		s.held.records.bills += billBytes + of.Figures.dialBytes()
		var before Bill
		if m := s.closedMonth(of.Month); m != nil {
			before, _ = m.bill(of.Meter)
		}
		bill := before.revised(of.Figures, f.at)
		if of.Month == f.month {
			pending.bills.set(of.Meter, &bill, s.grid.ice)
		} else {
			pending.revised = append(pending.revised, monthBill{of.Month, of.Meter, &bill})
		}
	}
	return Verdict{Outcome: Accepted}
}

// issue completes the pending bills of a month that is about to be closed: a bill that
// is not issued again stays as it is. It also changes those of other months.
func (s *Store) issue(m *month, pending *newMonth, closing MonthArchive) {
	if s.level < LevelHolds {
		s.issueByRule(m, pending, closing)
		return
	}
	if m.Revision > 0 {
		for i, bill := range pending.bills.all {
			if before, _ := m.bill(i); bill.Revision > max(1, before.Revision) { // others are written down again as they are
				s.revised++
			}
		}
	}
	for i, bill := range m.bills.all {
		if pending.bills.at(i) == nil {
			pending.bills.set(i, bill, s.grid.ice)
		}
	}
	for _, r := range pending.revised {
		if other := s.closedMonth(r.month); other != nil {
			other.setBill(r.meter, r.bill, s.grid.ice)
			s.revised++
		}
	}
}

// BillsRevised returns how many bills were issued again with other figures since the process
// began to apply entries, those of a replay included.
func (s *Store) BillsRevised() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.revised
}

// Bill returns a meter's bill for a month, the month as it was closed, and false if the
// month is not closed or has no readings of the meter.
func (s *Store) Bill(i Index, name meter.Month) (Bill, MonthArchive, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	m := s.closedMonth(name)
	if m == nil {
		return Bill{}, MonthArchive{}, false
	}
	bill, ok := m.bill(i)
	return bill, m.MonthArchive, ok
}

// BilledBefore reports whether a meter has a bill for a closed month before a month.
func (s *Store) BilledBefore(i Index, name meter.Month) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.ContainsFunc(s.months, func(m *month) bool {
		bill, _ := m.bill(i) // without a register if all that it was of was withdrawn
		return bill.End.Slot > 0 && m.Month.Before(name)
	})
}

// ClosedBill is a meter's bill for a closed month.
type ClosedBill struct {
	Month meter.Month
	Bill              // Revision is 0 if there is none
	First meter.Point // of the meter's readings in the month as it was closed, if there is one
	// Closing is the register of the month's end, and Closes says that the bill does not end
	// with it: it became known, or another one, after the bill was issued.
	Closing meter.Point
	Closes  bool
}

// Bills appends a meter's bills for all closed months to buffer, in order of time, and returns
// its dials of the same moment.
func (s *Store) Bills(i Index, buffer []ClosedBill) ([]ClosedBill, meter.Dials) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, m := range s.months {
		of := ClosedBill{Month: m.Month}
		of.Bill, _ = m.bill(i)
		of.First = m.summaries.at(i).First
		if of.Revision > 0 {
			of.Closing.Slot = m.Window.To
			of.Closing.Register, of.Closes = s.at(i, m.Window.To)
			of.Closes = of.Closes && of.Closing != of.End
		}
		buffer = append(buffer, of)
	}
	return buffer, s.lifeOf(i).dials
}

// encodeBills writes for each closed month, and encodePendingBills for each that is
// being closed, the bills that do not just say what the summary says:
//
//	bills    15 | version | month | n uint32 | n × (meter uint32 | bill)
//	pending  16 | version | month | n uint32 | n × (month that the bill is for | meter uint32 | bill)
//
//	bill: figures | dials | revision uint32 | revised at, unless it is 1 | previous figures and dials, unless it is 1
//
// Both have version 2. A bill of version 1 had no dials.
func encodeBills(e *stateEncoder, s *state) {
	for _, m := range s.months {
		encodeList(e, m.billList(m.Month), monthHead(m.Month), appendMeterBill)
	}
}

func (r *meterRecords) billList(name meter.Month) (all []monthBill) {
	for i, bill := range r.bills.all {
		all = append(all, monthBill{name, i, bill})
	}
	return all
}

func appendMeterBill(b []byte, of monthBill) []byte {
	b = appendDialFigures(binary.BigEndian.AppendUint32(b, uint32(of.meter)), of.bill.Figures)
	b = binary.BigEndian.AppendUint32(b, of.bill.Revision)
	if of.bill.Revision == 1 {
		return b
	}
	return appendDialFigures(appendTime(b, of.bill.RevisedAt), *of.bill.Previous)
}

func (d *StateDecoder) bill() *Bill {
	figures := d.dialFigures
	if d.version == 1 {
		figures = d.figures
	}
	b := &Bill{Figures: figures(), Revision: d.uint32()}
	if b.Revision != 1 {
		b.RevisedAt = d.time()
		previous := figures()
		b.Previous = &previous
	}
	return b
}

func decodeBills(d *StateDecoder) {
	m := d.closedMonth()
	for range d.items {
		m.bills.set(d.meter(), d.bill(), ice{})
	}
}

func encodePendingBills(e *stateEncoder, s *state) {
	for _, name := range pendingMonths(s) {
		pending := s.pending[name]
		all := slices.Concat(pending.revised, pending.billList(name))
		encodeList(e, all, monthHead(name), func(b []byte, of monthBill) []byte {
			return appendMeterBill(appendMonth(b, of.month), of)
		})
	}
}

func decodePendingBills(d *StateDecoder) {
	name := d.month()
	pending := d.s.pendingMonth(name)
	for range d.items {
		if month, i, bill := d.month(), d.meter(), d.bill(); month == name {
			pending.bills.set(i, bill, ice{})
		} else {
			pending.revised = append(pending.revised, monthBill{month, i, bill})
		}
	}
}
