package ledger

import (
	"context"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Receiving reports whether readings and registrations are taken.
func (l *Ledger) Receiving() bool {
	return l.store.Receiving()
}

// Shutdown ends the reception of readings and registrations, until Resume, also
// over restarts. When it returns nil, nothing is accepted any more.
func (l *Ledger) Shutdown(ctx context.Context) error {
	return l.switchReception(ctx, false, meter.Errorf(meter.KindInvalid, meter.CodeAlreadyShutDown, "reception is shut down already"))
}

// Resume begins reception again.
func (l *Ledger) Resume(ctx context.Context) error {
	return l.switchReception(ctx, true, meter.Errorf(meter.KindInvalid, meter.CodeAlreadyReceiving, "readings are being received already"))
}

func (l *Ledger) switchReception(ctx context.Context, on bool, already error) error {
	err := l.sure(ctx, func() error {
		if l.store.Receiving() == on {
			return already
		}
		return nil
	})
	if err != nil {
		return err
	}
	verdict, err := l.put(ctx, &commit{payload: store.AppendReception(nil, on), entries: 1, deferred: true}, steady)
	if err == nil && verdict.Outcome == store.Duplicate { // somebody else was faster
		err = already
	}
	if err == nil {
		l.log.Info("reception switched", "receiving", on)
	}
	return err
}
