package closing

import (
	"cmp"
	"slices"

	"meterledger/internal/archive"
	"meterledger/internal/billing"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// partMax is how many summaries or bills go through the journal as one entry: 144 KiB
// of bills. Those with changes of dials go by themselves, with changesMax of them and those of
// one bill more: some 300 bytes each at the most.
const (
	partMax    = 4096
	changesMax = 512
)

// bookkeeping hands a month's summaries and bills to the journal while its rows go by.
// The store keeps them aside until the month is closed.
type bookkeeping struct {
	runs      *Runs
	hold      *hold
	month     meter.Month
	window    meter.Window // with the first register of the month after
	summaries []store.SummaryOf
	bills     []store.BillOf
	dialed    []store.BillOf     // with changes of dials
	changes   int                // in them
	seen      []bool             // by meter: it has rows in the month
	late      []meter.Month      // that a run closes again: their bills are issued then
	known     []store.ClosedBill // of the present meter; kept for the next
}

func (b *bookkeeping) add(rows archive.Rows) error {
	m, registered := b.runs.store.Lookup(rows.Meter)
	if !registered {
		return nil
	}
	if missing := int(m.Index) + 1 - len(b.seen); missing > 0 {
		b.seen = append(b.seen, make([]bool, missing)...)
	}
	b.seen[m.Index] = true
	summary := b.summarize(m.Index, rows.Points)
	b.summaries = append(b.summaries, store.SummaryOf{Meter: m.Index, Summary: summary})
	b.issue(m.Index, summary)
	return b.flushFrom(partMax)
}

// summarize covers a meter's rows within the month and the first register of the
// next one, if that is known.
func (b *bookkeeping) summarize(i store.Index, points []meter.Point) store.Summary {
	var summary store.Summary
	first, _ := slices.BinarySearchFunc(points, b.window.From, meter.BySlot)
	end, _ := slices.BinarySearchFunc(points, b.window.To, meter.BySlot)
	if points = points[first:end]; len(points) > 0 {
		summary = store.Summary{Count: uint16(len(points)), Sum: store.SumOf(points), First: points[0], Last: points[len(points)-1]}
	}
	if register, known := b.runs.store.At(i, b.window.To); known {
		summary.Last = meter.Point{Slot: b.window.To, Register: register}
		if summary.Count == 0 {
			summary.First = summary.Last
		}
		summary.Count++
	}
	return summary
}

// issue goes through a meter's bills in order of time and writes down what they say from
// now on: the bill of the month, from its summary; bills that do not end with the register
// that is known of their month's end; and bills that open with another register because of
// those, or have other changes of dials between their registers. It writes down nothing that
// the store derives from the summary. Without rows in the month its count is 0.
func (b *bookkeeping) issue(i store.Index, summary store.Summary) {
	var dials meter.Dials
	b.known, dials = b.runs.store.Bills(i, b.known[:0])
	place, closed := slices.BinarySearchFunc(b.known, b.month, func(of store.ClosedBill, name meter.Month) int { return of.Month.Compare(name) })
	if !closed {
		b.known = slices.Insert(b.known, place, store.ClosedBill{Month: b.month})
	}
	var before store.Figures
	isBilled := false
	for n := range b.known {
		of := &b.known[n]
		figures, derived := of.Figures, true
		switch isOwn := n == place; {
		case isOwn && summary.Count > 0:
			figures = store.Figures{Readings: summary.Count, Start: summary.First, End: summary.Last}
			derived = of.Revision == 0 || of.Revision == 1 && of.Figures.Equal(figures)
			of.Figures, of.First = figures, figures.Start
		case of.Revision == 0:
			continue
		case !isOwn && slices.Contains(b.late, of.Month):
			before, isBilled = of.Figures, of.End.Slot > 0
			continue
		case isOwn:
			figures, of.First, derived = b.withdrawn(i), meter.Point{}, false
		case of.Closes:
			if of.End.Slot < of.Closing.Slot {
				figures.Readings++
			}
			figures.End = of.Closing
		}
		if figures.Readings == 0 { // it ends where it opens
			figures.Start, figures.End = meter.Point{}, meter.Point{}
		}
		figures.Start = billing.Opening(before.End, isBilled, cmp.Or(of.First, figures.End))
		figures.End = cmp.Or(figures.End, figures.Start)
		if figures = figures.Over(dials); !derived || !figures.Equal(of.Figures) {
			b.put(store.BillOf{Month: of.Month, Meter: i, Figures: figures})
		}
		before, isBilled = figures, figures.End.Slot > 0
	}
}

// withdrawn returns what is left of a bill all of whose rows were withdrawn: the register of
// the month's end, if that is known. It opens as any bill does.
func (b *bookkeeping) withdrawn(i store.Index) (left store.Figures) {
	if register, known := b.runs.store.At(i, b.window.To); known {
		left = store.Figures{Readings: 1, End: meter.Point{Slot: b.window.To, Register: register}}
	}
	return left
}

func (b *bookkeeping) put(bill store.BillOf) {
	if len(bill.Dials) == 0 {
		b.bills = append(b.bills, bill)
		return
	}
	b.dialed = append(b.dialed, bill)
	b.changes += len(bill.Dials)
}

// finish goes through the bills of the meters without rows in the month, and hands over
// what is left.
func (b *bookkeeping) finish() error {
	meters, _ := b.runs.store.Counts()
	for i := range meters {
		if i < len(b.seen) && b.seen[i] {
			continue
		}
		b.issue(store.Index(i), store.Summary{})
		if err := b.flushFrom(partMax); err != nil {
			return err
		}
	}
	return b.flushFrom(1)
}

// flushFrom hands over what has gathered if it is so many summaries or bills.
func (b *bookkeeping) flushFrom(part int) error {
	if max(len(b.summaries), len(b.bills), len(b.dialed)) < part && b.changes < changesMax {
		return nil
	}
	level := b.runs.store.Level()
	for some := range slices.Chunk(b.summaries, partMax) {
		if err := b.hold.write(level.AppendSummaries(b.hold.begin(), b.month, some)); err != nil {
			return err
		}
	}
	for bills := range b.parts {
		if err := b.hold.write(store.AppendBills(b.hold.begin(), b.month, b.runs.now(), bills)); err != nil {
			return err
		}
	}
	b.summaries, b.bills, b.dialed, b.changes = b.summaries[:0], b.bills[:0], b.dialed[:0], 0
	return nil
}

// parts yields what goes through the journal as one entry each: partMax bills, or some with
// changesMax changes of dials and those of one bill more.
func (b *bookkeeping) parts(yield func([]store.BillOf) bool) {
	for bills := range slices.Chunk(b.bills, partMax) {
		if !yield(bills) {
			return
		}
	}
	for rest := b.dialed; len(rest) > 0; {
		n := 0
		for changes := 0; n < len(rest) && changes < changesMax; n++ {
			changes += len(rest[n].Dials)
		}
		if !yield(rest[:n]) {
			return
		}
		rest = rest[n:]
	}
}
