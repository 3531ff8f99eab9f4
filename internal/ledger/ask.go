package ledger

import (
	"context"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// ask writes an entry that is no reading, whatever room there is, and returns its
// verdict.
func (l *Ledger) ask(ctx context.Context, payload []byte) (store.Verdict, error) {
	return l.put(ctx, &commit{payload: payload, entries: 1}, steady)
}

// put writes a commit and returns the verdict on its first entry.
func (l *Ledger) put(ctx context.Context, k *commit, p patience) (store.Verdict, error) {
	if err := l.committer.enqueue(ctx, k, p); err != nil {
		return store.Verdict{}, err
	}
	verdicts, err := l.committer.wait(k)
	if err != nil {
		return store.Verdict{}, err
	}
	return verdicts[0], nil
}

// hold is the right of one run to archive. What the run writes down has no effect
// without it.
type hold struct {
	l     *Ledger
	id    store.HoldID
	ended bool
}

// hold takes the right to archive, and holds the readings of a window back. When it
// returns, every reading that was accepted in it is in the store.
func (l *Ledger) hold(ctx context.Context, w meter.Window) (*hold, error) {
	h := &hold{l: l, id: store.HoldID{Term: store.Term, Incarnation: l.incarnation, Number: l.holds.Add(1)}}
	verdict, err := l.ask(ctx, store.AppendHold(nil, store.Hold{ID: h.id, Window: w}))
	if err == nil && verdict.Outcome != store.Accepted {
		err = errOver
	}
	return h, err
}

// write writes an entry under the hold, which is only refused when the hold is gone.
func (h *hold) write(ctx context.Context, entry func([]byte) []byte) error {
	_, err := h.put(ctx, &commit{payload: entry(store.AppendUnder(nil, h.id)), entries: 1})
	return err
}

// end writes the last entry under the hold, and lifts it in the same commit.
func (h *hold) end(ctx context.Context, entry func([]byte) []byte) (store.Verdict, error) {
	verdict, err := h.put(ctx, &commit{payload: store.AppendFree(entry(store.AppendUnder(nil, h.id)), h.id), entries: 2})
	h.ended = err == nil
	return verdict, err
}

func (h *hold) put(ctx context.Context, k *commit) (store.Verdict, error) {
	verdict, err := h.l.put(ctx, k, steady)
	if err == nil && verdict.Outcome == store.Over {
		err = errOver
	}
	return verdict, err
}

// free lifts the hold of a run that was given up. The next start lifts what could not
// be lifted.
func (h *hold) free() {
	if h.ended {
		return
	}
	if _, err := h.l.ask(context.Background(), store.AppendFree(nil, h.id)); err != nil {
		h.l.log.Error("what a run held back stays so until the next start", "error", err)
	}
}

var errOver = meter.Unavailable(meter.CodeMaintenanceRunning, time.Second,
	"the run has lost its right to archive: another one has it, or its own was lifted; nothing is lost, run it again")
