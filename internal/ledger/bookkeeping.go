package ledger

import (
	"context"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// summariesTogether is how many summaries go through the journal as one entry:
// 128 KiB, half a batch.
const summariesTogether = 4096

// bookkeeping hands a month's summaries to the journal while its rows go by. The
// store keeps them aside until the month is closed.
type bookkeeping struct {
	l      *Ledger
	ctx    context.Context
	month  meter.Month
	window meter.Window // with the first register of the month after
	part   []store.SummaryOf
}

// begin drops what a run that was cut off left behind.
func (b *bookkeeping) begin() error {
	return b.l.commitMaintenance(b.ctx, store.AppendSummaries(nil, b.month, nil))
}

// giveUp drops what was handed in. Where that is impossible, the next run's begin does it.
func (b *bookkeeping) giveUp() error {
	select {
	case <-b.l.Failed():
		return nil
	default:
		return b.begin()
	}
}

func (b *bookkeeping) add(rows archive.Rows) error {
	i, registered := b.l.store.Lookup(rows.Meter)
	if !registered {
		return nil
	}
	b.part = append(b.part, store.SummaryOf{Meter: i, Summary: b.summarize(i, rows.Points)})
	if len(b.part) < summariesTogether {
		return nil
	}
	return b.flush()
}

func (b *bookkeeping) flush() error {
	if len(b.part) == 0 {
		return nil
	}
	payload := store.AppendSummaries(nil, b.month, b.part)
	b.part = b.part[:0]
	return b.l.commitMaintenance(b.ctx, payload)
}

// summarize covers a meter's rows within the month and the first register of the
// next one, where that is known.
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
	if register, known := b.l.store.At(i, b.window.To); known {
		add(meter.Point{Slot: b.window.To, Register: register})
	}
	return summary
}
