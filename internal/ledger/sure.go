package ledger

import (
	"context"
	"errors"
	"time"

	"meterledger/internal/meter"
)

// errNoQuorum is the answer instead of a refusal that could not be confirmed.
var errNoQuorum = meter.Unavailable(meter.CodeNotReady, 2*time.Second,
	"too few of the nodes answer to tell whether this can be refused: nothing was recorded; try again shortly").Because(meter.ReasonNoQuorum)

// sure returns what op returns, which has changed nothing if that is an error. If it refuses by what it
// has seen in the state, it is called again behind a barrier: another node may have answered
// that it has a meter, an exchange, a correction or a credential which has not come here yet,
// and a caller who was refused does not come again.
//
// Without a barrier stand:
//   - what the request alone tells, such as its syntax, beside the clock and the settings;
//   - what was recorded before: that stays so;
//   - the verdict of Apply on an entry of this caller, behind which nothing was answered before it asked;
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
	most := l.committer.order.waitMax()
	if most == 0 {
		return false, nil
	}
	bounded, cancel := context.WithTimeout(ctx, most)
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
