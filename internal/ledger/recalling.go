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
	var recall []byte
	entries := 1
	var v store.Verdict
	for range changesMax {
		verdicts, err := l.askAll(ctx, append(recall, entry...), entries)
		if err != nil {
			return store.Verdict{}, err
		}
		v = verdicts.At(entries - 1)
		switch v.Outcome {
		case store.Held:
			return v, l.monthBusy(v.Other.Slot)
		case store.Archived:
		default:
			return v, nil
		}
		err = l.sure(ctx, func() (err error) {
			recall, err = l.recallAt(m, v.Other.Slot)
			return err
		})
		if err != nil {
			return v, err
		}
		entries = 1 + min(len(recall), 1)
	}
	return v, l.monthBusy(v.Other.Slot)
}

// recallAt returns the entry that recalls a meter's archived rows of a slot's month: none if they
// are not archived any more.
func (l *Ledger) recallAt(m store.Meter, slot meter.Slot) (recall []byte, err error) {
	month, archived := l.store.SummaryAt(m.Index, slot)
	if !archived {
		return nil, nil
	}
	points, err := l.lateRows(l.store, m, month)
	if err != nil {
		return nil, err
	}
	return store.AppendRecall(nil, month.Month, month.Revision, m.Index, points), nil
}

// askAll writes entries as one commit and returns all verdicts.
func (l *Ledger) askAll(ctx context.Context, payload []byte, entries int) (store.Verdicts, error) {
	k := &commit{payload: payload, entries: entries}
	if err := l.committer.enqueue(ctx, k, steady); err != nil {
		return store.Verdicts{}, err
	}
	return l.committer.wait(k)
}

// find returns a registered meter.
func (l *Ledger) find(ctx context.Context, id meter.ID) (m store.Meter, err error) {
	err = l.sure(ctx, func() (err error) {
		m, err = l.lookup(id)
		return err
	})
	return m, err
}

// lookup is find by what is known here now.
func (l *Ledger) lookup(id meter.ID) (store.Meter, error) {
	m, known := l.store.Lookup(id)
	if !known {
		return m, meter.UnknownMeter(id)
	}
	return m, nil
}
