package closing

import (
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
}

func (b *bookkeeping) add(rows archive.Rows) error {
	m, registered := b.runs.store.Lookup(rows.Meter)
	if !registered {
		return nil
	}
	summary := b.summarize(m.Index, rows.Points)
	b.summaries = append(b.summaries, store.SummaryOf{Meter: m.Index, Summary: summary})
	b.issue(m.Index, summary)
	if max(len(b.summaries), len(b.bills)) < partMax {
		return nil
	}
	return b.flush()
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

// issue makes a meter's bill, and its next one if that now opens with another register.
// It writes down nothing that the store derives from the summary.
func (b *bookkeeping) issue(i store.Index, summary store.Summary) {
	before, own, after, next := b.runs.store.BillsAround(i, b.month)
	figures := store.Figures{Readings: summary.Count, Start: summary.First, End: summary.Last}
	derived := own.Revision == 0 || own.Revision == 1 && own.Figures == figures
	figures.Start = billing.Opening(before.End, before.Revision > 0, summary.First)
	if !derived || figures.Start != summary.First {
		b.bills = append(b.bills, store.BillOf{Month: b.month, Meter: i, Figures: figures})
	}
	if after.Revision > 0 && after.Start != figures.End {
		after.Start = figures.End
		b.bills = append(b.bills, store.BillOf{Month: next, Meter: i, Figures: after.Figures})
	}
}

// flush hands over what has gathered.
func (b *bookkeeping) flush() error {
	if len(b.summaries) > 0 {
		if err := b.hold.write(store.AppendSummaries(b.hold.begin(), b.month, b.summaries)); err != nil {
			return err
		}
	}
	if len(b.bills) > 0 {
		if err := b.hold.write(store.AppendBills(b.hold.begin(), b.month, b.runs.now(), b.bills)); err != nil {
			return err
		}
	}
	b.summaries, b.bills = b.summaries[:0], b.bills[:0]
	return nil
}
