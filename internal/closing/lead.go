package closing

import (
	"context"
	"errors"
	"time"

	"meterledger/internal/durable"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Of several nodes one runs maintenance: that which leads, for its term. When the term is over another
// node may run at once, on the same archive folder, while this one may not know yet. So what a run writes
// into the order names the term, and has no effect in another one; and what it writes into
// the folder is kept apart by package archive.

// lead is the right of a node to run maintenance.
type lead struct {
	term store.Term
	over <-chan struct{} // closed when the term is; nil for a node that is alone
}

// takeLead returns the present lead, if it is this node's.
func (rs *Runs) takeLead() (lead, error) {
	term, over, leads := rs.writer.Lead()
	if !leads {
		return lead{}, meter.Unavailable(meter.CodeNotReady, time.Second, "another node leads, or none does: maintenance runs on the one that leads")
	}
	return lead{term, over}, nil
}

// watch ends a run with its term.
func (l lead) watch(ctx context.Context, end context.CancelFunc) {
	select {
	case <-l.over:
		end()
	case <-ctx.Done():
	}
}

func (l lead) isOver() bool {
	select {
	case <-l.over:
		return true
	default:
		return false
	}
}

// leading does a run's work in the term of its lead. A backup is of this node's data folder, and needs none.
func (rs *Runs) leading(t task, work func(task) error) error {
	if t.run.Kind == Backup {
		return fullDisk(work(t))
	}
	if err := t.enter(); err != nil {
		return t.worded(err)
	}
	return t.worded(work(t))
}

// enter readies the archive folder that several nodes share: before the first run of a term that
// writes, what other terms left there half written is removed. A node that was held up cannot
// put that in place any more.
func (t *task) enter() error {
	if t.isAlone() {
		return nil
	}
	mark := durable.Mark{Term: t.lead.term.Number, Incarnation: t.lead.term.Incarnation}
	t.archive = t.Runs.archive.In(mark, t.goesOn)
	t.exceptions, t.totals = t.exceptions.in(mark, t.goesOn), t.totals.in(mark, t.goesOn)
	if t.run.DryRun || t.tidied == t.lead.term {
		return nil
	}
	if err := t.archive.Tidy(); err != nil {
		return err
	}
	t.tidied = t.lead.term
	return nil
}

// goesOn asks the order whether the term of the run does: not if what was added before the
// call begins another one.
func (t *task) goesOn() error {
	if t.lead.isOver() {
		return errOver
	}
	if err := meter.Stopped(t.ctx); err != nil {
		return err
	}
	if err := t.confirm(t.ctx); err != nil {
		return err
	}
	if t.store.Term() != t.lead.term {
		return errOver
	}
	return nil
}

// worded says why a run failed. What a run of a term that is over has found in the archive folder
// is what the next one put there.
func (t *task) worded(err error) error {
	wasEnded := errors.Is(err, meter.ErrStopped) || errors.Is(err, context.Canceled)
	if wasEnded && t.ctx.Err() != nil && !t.lead.isOver() {
		return t.stopped()
	}
	if err == nil || t.isAlone() || errors.Is(err, errOver) {
		return fullDisk(err)
	}
	unsure := t.goesOn()
	if errors.Is(unsure, errOver) || unsure != nil && meter.CodeOf(err) == meter.CodeArchiveConflict {
		return unsure
	}
	return fullDisk(err)
}
