package closing

import (
	"context"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// hold is the right of one run to archive. What the run writes down has no effect
// without it.
type hold struct {
	runs  *Runs
	id    store.HoldID
	ended bool
}

// take takes the right to archive, and holds the readings of a window back. When it
// returns, every reading that was accepted in it is in the store.
func (rs *Runs) take(ctx context.Context, w meter.Window) (*hold, error) {
	rs.mu.Lock()
	rs.holds++
	h := &hold{runs: rs, id: store.HoldID{Term: store.Term, Incarnation: rs.incarnation, Number: rs.holds}}
	rs.mu.Unlock()
	verdict, err := rs.writer.Ask(ctx, store.AppendHold(nil, store.Hold{ID: h.id, Window: w}), 1)
	if err == nil && verdict.Outcome != store.Accepted {
		err = errOver
	}
	return h, err
}

// write writes an entry under the hold, which is only refused when the hold is gone.
func (h *hold) write(ctx context.Context, entry func([]byte) []byte) error {
	_, err := h.ask(ctx, entry(store.AppendUnder(nil, h.id)), 1)
	return err
}

// end writes the last entry under the hold, and lifts it in the same commit.
func (h *hold) end(ctx context.Context, entry func([]byte) []byte) (store.Verdict, error) {
	verdict, err := h.ask(ctx, store.AppendFree(entry(store.AppendUnder(nil, h.id)), h.id), 2)
	h.ended = err == nil
	return verdict, err
}

func (h *hold) ask(ctx context.Context, payload []byte, entries int) (store.Verdict, error) {
	verdict, err := h.runs.writer.Ask(ctx, payload, entries)
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
	if _, err := h.runs.writer.Ask(context.Background(), store.AppendFree(nil, h.id), 1); err != nil {
		h.runs.log.Error("the hold of a run could not be lifted; the next start lifts it", "error", err)
	}
}

var errOver = meter.Unavailable(meter.CodeMaintenanceRunning, time.Second,
	"the run has lost its right to archive: another one has it, or its own was lifted; nothing is lost, run it again")
