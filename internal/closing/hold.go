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
	task
	id    store.HoldID
	ended bool
}

// take takes the right to archive, and holds the readings of a window back. When it
// returns, every reading that was accepted in it is in the store.
func (t task) take(w meter.Window) (*hold, error) {
	if left, stands := t.store.Hold(); stands { // of a run that could not lift it on a full disk
		if _, err := t.writer.Ask(t.ctx, store.AppendFree(nil, left.ID), 1); err != nil {
			return nil, err
		}
	}
	t.mu.Lock()
	t.holds++
	h := &hold{task: t, id: store.HoldID{Term: store.Alone.Number, Incarnation: t.incarnation, Number: t.holds}}
	t.mu.Unlock()
	verdict, err := t.writer.Ask(t.ctx, store.AppendHold(nil, store.Hold{ID: h.id, Window: w}), 1)
	if err == nil && verdict.Outcome != store.Accepted {
		err = errOver
	}
	return h, err
}

// begin begins an entry under the hold, for write or end.
func (h *hold) begin() []byte { return store.AppendUnder(nil, h.id) }

// write writes an entry, which is only refused if the hold is gone.
func (h *hold) write(entry []byte) error {
	_, err := h.ask(entry, 1)
	return err
}

// end writes the last entry under the hold, and lifts it in the same commit.
func (h *hold) end(entry []byte) (store.Verdict, error) {
	verdict, err := h.ask(store.AppendFree(entry, h.id), 2)
	h.ended = err == nil
	return verdict, err
}

func (h *hold) ask(payload []byte, entries int) (store.Verdict, error) {
	verdict, err := h.writer.Ask(h.ctx, payload, entries)
	if err == nil && verdict.Outcome == store.Over {
		err = errOver
	}
	return verdict, err
}

// lift lifts the hold of a run that has written all that it had to.
func (h *hold) lift() error {
	_, err := h.writer.Ask(context.Background(), store.AppendFree(nil, h.id), 1)
	h.ended = err == nil
	return err
}

// free lifts the hold of a run that was given up. The next start lifts what could not
// be lifted.
func (h *hold) free() {
	if h.ended {
		return
	}
	if err := h.lift(); err != nil {
		h.log.Error("the hold of a run could not be lifted; the next start lifts it", "error", err)
	}
}

var errOver = meter.Unavailable(meter.CodeMaintenanceRunning, time.Second,
	"the run has lost its right to archive: another one has it, or its own was lifted; nothing is lost, run it again")
