package closing

import (
	"slices"

	"meterledger/internal/archive"
	"meterledger/internal/billing"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// partMax is how many summaries or bills go through the journal as one entry: 144 KiB
// of bills.
const partMax = 4096

// bookkeeping hands a month's summaries and bills to the journal while its rows go by.
// The store keeps them aside until the month is closed.
type bookkeeping struct {
	runs      *Runs
	hold      *hold
	month     meter.Month
	window    meter.Window // with the first register of the month after
	summaries []store.SummaryOf
	bills     []store.BillOf
	seen      []bool             // by meter: it has rows in the month
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
	add := func(p meter.Point) {
		if summary.Count == 0 {
			summary.First = p
		}
		summary.Count++
		summary.Last = p
	}
	for _, p := range points {
		if p.Slot >= b.window.From && p.Slot < b.window.To {
			add(p)
		}
	}
	if register, known := b.runs.store.At(i, b.window.To); known {
		add(meter.Point{Slot: b.window.To, Register: register})
	}
	return summary
}

// issue goes through a meter's bills in order of time and writes down what they say from
// now on: the bill of the month, from its summary; bills that ended before the register of
// their month's end came; and bills that open with another register because of those. It
// writes down nothing that the store derives from the summary. Without rows in the month its
// count is 0.
func (b *bookkeeping) issue(i store.Index, summary store.Summary) {
	b.known = b.runs.store.Bills(i, b.known[:0])
	place, closed := slices.BinarySearchFunc(b.known, b.month, func(of store.ClosedBill, name meter.Month) int { return of.Month.Compare(name) })
	if !closed {
		b.known = slices.Insert(b.known, place, store.ClosedBill{Month: b.month})
	}
	var before store.Figures
	isBilled, isEmptied := false, false
	for n := range b.known {
		of := &b.known[n]
		figures, derived := of.Figures, true
		switch isOwn := n == place && summary.Count > 0; {
		case isOwn:
			figures = store.Figures{Readings: summary.Count, Start: summary.First, End: summary.Last}
			derived = of.Revision == 0 || of.Revision == 1 && of.Figures == figures
			of.Figures = figures
		case of.Revision == 0:
			continue
		case n == place: // all of its readings were withdrawn
			figures, derived = b.emptied(i, before), false
		case of.Closes:
			figures.End = of.Closing
			figures.Readings++
			if figures.Start.Slot == 0 {
				figures.Start = of.Closing
			}
		}
		if figures == (store.Figures{}) { // the bill after it opens as if there were none
			if isEmptied = true; !derived {
				b.bills = append(b.bills, store.BillOf{Month: of.Month, Meter: i, Figures: figures})
			}
			continue
		}
		if isEmptied && !isBilled {
			figures.Start = of.First
		}
		figures.Start = billing.Opening(before.End, isBilled, figures.Start)
		if !derived || figures != of.Figures {
			b.bills = append(b.bills, store.BillOf{Month: of.Month, Meter: i, Figures: figures})
		}
		before, isBilled = figures, true
	}
}

// emptied is what a bill says of a month whose readings were all withdrawn: what went through
// the meter until the register of the month's end, if that is known, or else nothing.
func (b *bookkeeping) emptied(i store.Index, before store.Figures) store.Figures {
	figures := store.Figures{Start: before.End, End: before.End}
	if end := b.summarize(i, nil); end.Count > 0 {
		figures = store.Figures{Readings: end.Count, Start: end.First, End: end.Last}
	}
	return figures
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
	if max(len(b.summaries), len(b.bills)) < part {
		return nil
	}
	for some := range slices.Chunk(b.summaries, partMax) {
		if err := b.hold.write(store.AppendSummaries(b.hold.begin(), b.month, some)); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(b.bills, partMax) {
		if err := b.hold.write(store.AppendBills(b.hold.begin(), b.month, b.runs.now(), some)); err != nil {
			return err
		}
	}
	b.summaries, b.bills = b.summaries[:0], b.bills[:0]
	return nil
}
