package ledger

import (
	"context"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Receiving reports whether readings and registrations are taken.
func (l *Ledger) Receiving() bool {
	l.admission.RLock()
	defer l.admission.RUnlock()
	return l.receiving
}

// Shutdown ends the reception of readings and registrations, until Resume, also
// over restarts. What was let in before is still written.
func (l *Ledger) Shutdown(ctx context.Context) error {
	return l.switchReception(ctx, false, &meter.Error{
		Kind: meter.KindInvalid, Code: meter.CodeAlreadyShutDown, Detail: "reception is shut down already",
	})
}

// Resume begins reception again.
func (l *Ledger) Resume(ctx context.Context) error {
	return l.switchReception(ctx, true, &meter.Error{
		Kind: meter.KindInvalid, Code: meter.CodeAlreadyReceiving, Detail: "readings are being received already",
	})
}

func (l *Ledger) switchReception(ctx context.Context, on bool, already error) error {
	k := &commit{payload: store.AppendReception(nil, on), entries: 1}
	if err := l.committer.reserve(ctx, k, len(k.payload), steady); err != nil {
		return err
	}
	if !l.enqueueSwitch(k, on) {
		l.committer.release(k)
		return already
	}
	if _, err := l.committer.wait(k); err != nil {
		return err
	}
	l.log.Info("reception switched", "receiving", on)
	return nil
}

// enqueueSwitch reports false where reception is so already.
func (l *Ledger) enqueueSwitch(k *commit, on bool) bool {
	l.admission.Lock()
	defer l.admission.Unlock()
	if l.receiving == on {
		return false
	}
	l.committer.push(k)
	l.receiving = on
	return true
}
