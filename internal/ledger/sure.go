package ledger

import (
	"context"
	"errors"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// errNoQuorum is the answer while too few of several nodes answer: what was sent was not judged, and nothing of it
// was recorded. errUnanswered is the answer to what was given to the order and did not come back in time.
var (
	errNoQuorum = meter.Unavailable(meter.CodeNotReady, 2*time.Second,
		"too few of the nodes answer: nothing was recorded; try again shortly").Because(meter.ReasonNoQuorum)
	errUnanswered = meter.Unavailable(meter.CodeNotReady, 2*time.Second,
		"too few of the nodes have answered in time: this was recorded, or will be, or will not; send it again to know").Because(meter.ReasonNoQuorum)
)

// sure returns what op returns, which has changed nothing if that is an error. If it refuses by what it
// has seen in the state, it is called again behind a barrier: another node may have answered
// that it has a meter, an exchange, a correction or a credential which has not come here yet,
// and a caller who was refused does not come again.
//
// Without a barrier stand:
//   - what the request alone tells, such as its syntax, beside the clock and the settings;
//   - what was recorded before: that stays so;
//   - the verdict of Apply on an entry of this caller: whatever was answered before the call stands before it;
//   - what only this process is short of, see isOfProcess;
//   - faults, which are no refusals.
func (l *Ledger) sure(ctx context.Context, op func() error) error {
	err := op()
	if !isOfState(err) {
		return err
	}
	changed, unsure := l.confirm(ctx)
	if unsure != nil {
		return unsure
	}
	if !changed {
		return err
	}
	return op()
}

// confirm waits until everything that was answered before the call is applied here, and
// reports whether the state may have been behind. The error is errNoQuorum, unless ctx ended.
func (l *Ledger) confirm(ctx context.Context) (changed bool, err error) {
	if l.isAlone() {
		return false, nil
	}
	bounded, cancel := context.WithTimeout(ctx, l.committer.order.waitMax())
	defer cancel()
	changed, err = l.committer.order.confirm(bounded)
	switch {
	case err == nil:
		return changed, nil
	case ctx.Err() != nil:
		return false, ctx.Err()
	}
	return false, errNoQuorum
}

// Confirm returns once everything that any node has answered before the call is applied here. A node
// alone has nothing to wait for.
func (l *Ledger) Confirm(ctx context.Context) error {
	_, err := l.confirm(ctx)
	return err
}

// isAlone reports whether no other node adds to the order.
func (l *Ledger) isAlone() bool { return l.committer.order.waitMax() == 0 }

// isOfState reports whether an error refuses something by what the state says.
func isOfState(err error) bool {
	refusal, ok := errors.AsType[*meter.Error](err)
	return ok && !isOfProcess(refusal.Code)
}

// isOfProcess reports whether a code says what this process is short of: room in its queue, on
// its disk or in its memory, a right clock, or others that answer.
func isOfProcess(c meter.Code) bool {
	switch c {
	case meter.CodeOverloaded, meter.CodeDiskFull, meter.CodeDiskSlow, meter.CodeMemoryFull, meter.CodeNotReady:
		return true
	}
	return false
}

// confirm puts a barrier before the questions to the state that follow, one for all of a submission.
// If too few nodes answer, nothing is refused by what the state says, and a restore ends.
func (s *submission) confirm(ctx context.Context) error {
	s.sure = true
	_, err := s.l.confirm(ctx)
	if errors.Is(err, errNoQuorum) && !s.restore {
		s.doubt, err = err, nil
	}
	return err
}

// askAgain is enqueue behind a barrier.
func (s *submission) askAgain(ctx context.Context) error {
	if err := s.confirm(ctx); err != nil {
		return err
	}
	s.archived = nil
	return s.enqueue(ctx, s.readArchives())
}

// isUnsure reports whether the state alone refuses one of the readings that were judged.
func (s *submission) isUnsure() bool {
	for _, j := range s.judged {
		switch at := s.readings[s.from+j.Place]; j.Outcome {
		case store.Duplicate:
		case store.Archived:
			if v, err := s.judgeLate(at, s.rowsOf(at)); err != nil || v.Outcome == store.Conflict {
				return true
			}
		default:
			if s.keptOut(at.Slot) == nil {
				return true
			}
		}
	}
	return false
}

// ruleBefore is rule for a verdict that does not come from Apply.
func (s *submission) ruleBefore(place int, v store.Verdict) {
	if s.doubt != nil && v.Outcome != store.Duplicate {
		s.decide(place, Result{Err: s.doubt})
		return
	}
	s.rule(place, v)
}
