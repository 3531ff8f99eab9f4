package ledger

import (
	"context"
	"fmt"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

var errNotReceiving = meter.Unavailable(meter.CodeNotReceiving, time.Minute,
	"reception is shut down: readings and registrations are not taken until it is resumed").Because(meter.ReasonShutDown)

// Register makes a meter known. When it returns nil the account is on disk.
func (l *Ledger) Register(ctx context.Context, id meter.ID, ownerName, address string) error {
	account := meter.Account{ID: id, OwnerName: ownerName, Address: address, RegisteredAt: l.now()}
	if _, known := l.store.Lookup(id); known {
		return meterExists(id)
	}
	if err := l.refusal(); err != nil {
		return err
	}
	k := &commit{payload: store.AppendAccount(nil, account), entries: 1, deferred: true}
	k.growth = accountsGrowth(k)
	verdict, err := l.put(ctx, k, impatient)
	switch {
	case err != nil:
		return err
	case verdict.Outcome == store.MeterExists:
		return meterExists(id)
	case verdict.Outcome == store.NotReceiving:
		return errNotReceiving
	}
	return nil
}

func meterExists(id meter.ID) error {
	return &meter.Error{
		Kind: meter.KindInvalid, Code: meter.CodeMeterExists, Field: "meter_id",
		Detail: fmt.Sprintf("meter %s is already registered", id),
	}
}
