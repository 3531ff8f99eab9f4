package ledger

import (
	"context"
	"fmt"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

var errNotReceiving = meter.Unavailable(meter.CodeNotReceiving, time.Minute,
	"reception is shut down: readings and registrations are not taken until it is resumed")

// Register makes a meter known. When it returns nil the account is on disk.
func (l *Ledger) Register(ctx context.Context, id meter.ID, ownerName, address string) error {
	account := meter.Account{ID: id, OwnerName: ownerName, Address: address, RegisteredAt: l.now()}
	if _, known := l.store.Lookup(id); known {
		return meterExists(id)
	}
	k := &commit{payload: store.AppendAccount(nil, account), entries: 1, deferred: true}
	if err := l.admit(ctx, k); err != nil {
		return err
	}
	verdicts, err := l.committer.wait(k)
	if err != nil {
		return err
	}
	if verdicts[0].Outcome == store.MeterExists {
		return meterExists(id)
	}
	return nil
}

func (l *Ledger) admit(ctx context.Context, k *commit) error {
	l.admission.RLock()
	defer l.admission.RUnlock()
	if !l.receiving {
		return errNotReceiving
	}
	return l.committer.enqueue(ctx, k, impatient)
}

func meterExists(id meter.ID) error {
	return &meter.Error{
		Kind: meter.KindInvalid, Code: meter.CodeMeterExists, Field: "meter_id",
		Detail: fmt.Sprintf("meter %s is already registered", id),
	}
}

// Account returns what was registered for a meter.
func (l *Ledger) Account(id meter.ID) (meter.Account, error) {
	i, err := l.find(id)
	if err != nil {
		return meter.Account{}, err
	}
	return l.store.Account(i), nil
}
