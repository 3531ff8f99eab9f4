package closing

import (
	"context"
	"errors"
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
		if _, err := t.writer.Lift(t.ctx, left.ID); err != nil {
			return nil, err
		}
	}
	h := &hold{task: t, id: t.nextHold()}
	verdict, err := t.writer.Ask(t.ctx, store.AppendHold(nil, store.Hold{ID: h.id, Window: w}), 1)
	if err == nil && verdict.Outcome != store.Accepted {
		err = errOver
	}
	if err != nil && !t.isAlone() {
		h.free() // an entry without an answer may stand in the order all the same
	}
	return h, err
}

func (t task) nextHold() store.HoldID {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.holds++
	id := store.HoldID{Term: t.lead.term.Number, Incarnation: t.lead.term.Incarnation, Number: t.holds}
	if t.isAlone() {
		id.Incarnation = t.incarnation
	}
	return id
}

// begin begins an entry under the hold, for write or end.
func (h *hold) begin() []byte { return store.AppendUnder(nil, h.id) }

// write writes an entry, which is only refused if the hold is gone.
func (h *hold) write(entry []byte) error {
	verdict, err := h.writer.Ask(h.ctx, entry, 1)
	if err == nil && verdict.Outcome != store.Accepted {
		err = errOver
	}
	return err
}

// end writes the last entry under the hold, and lifts it in the same commit. It reports whether the
// entry has its effect: only an adoption may have none while the hold stands.
func (h *hold) end(entry []byte) (isDone bool, err error) {
	verdict, err := h.writer.Ask(h.ctx, store.AppendFree(entry, h.id), 2)
	if err == nil && verdict.Outcome != store.Accepted && verdict.Outcome != store.NotAdopted {
		err = errOver
	}
	h.ended = err == nil
	return err == nil && verdict.Outcome == store.Accepted, err
}

// lift lifts the hold of a run that has written all that it had to.
func (h *hold) lift() error {
	verdict, err := h.writer.Lift(context.Background(), h.id)
	h.ended = err == nil
	if err == nil && verdict.Outcome != store.Accepted {
		err = errOver
	}
	return err
}

// free lifts the hold of a run that was given up. The next start lifts what could not
// be lifted; of several nodes the next term drops it.
func (h *hold) free() {
	if h.ended || h.lead.isOver() {
		return
	}
	if err := h.lift(); err != nil && !errors.Is(err, errOver) {
		h.log.Error("the hold of a run could not be lifted; the next start lifts it", "error", err)
	}
}

var errOver = meter.Unavailable(meter.CodeMaintenanceRunning, time.Second,
	"the run has lost its right to archive: another one has it, or its own was lifted; nothing is lost, run it again")
