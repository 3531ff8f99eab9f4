package ledger

import (
	"context"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// changesMax is how often a change to a meter's past is tried while its months are archived
// again in between.
const changesMax = 8

// change writes an entry that changes what a meter's past means, and the recalls of the
// archived months that it needs. It returns the verdict on the entry.
func (l *Ledger) change(ctx context.Context, m store.Meter, entry []byte) (store.Verdict, error) {
	var recalls []byte
	entries := 1
	var v store.Verdict
	for range changesMax {
		verdicts, err := l.askAll(ctx, append(recalls, entry...), entries)
		if err != nil {
			return store.Verdict{}, err
		}
		v = verdicts[len(verdicts)-1]
		switch v.Outcome {
		case store.Held:
			return v, l.monthBusy(v.Other.Slot)
		case store.Archived:
		default:
			return v, nil
		}
		month, archived := l.store.SummaryAt(m.Index, v.Other.Slot)
		if !archived {
			recalls, entries = recalls[:0], 1
			continue
		}
		points, err := l.lateRows(l.store, m, month)
		if err != nil {
			return v, err
		}
		recalls, entries = store.AppendRecall(recalls[:0], month.Month, month.Revision, m.Index, points), 2
	}
	return v, l.monthBusy(v.Other.Slot)
}

// askAll writes entries as one commit and returns all verdicts.
func (l *Ledger) askAll(ctx context.Context, payload []byte, entries int) ([]store.Verdict, error) {
	k := &commit{payload: payload, entries: entries}
	if err := l.committer.enqueue(ctx, k, steady); err != nil {
		return nil, err
	}
	return l.committer.wait(k)
}

// find returns a registered meter.
func (l *Ledger) find(id meter.ID) (store.Meter, error) {
	m, known := l.store.Lookup(id)
	if !known {
		return m, meter.UnknownMeter(id)
	}
	return m, nil
}
