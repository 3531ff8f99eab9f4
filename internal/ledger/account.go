package ledger

import (
	"context"
	"fmt"
	"sync"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

var errNotReceiving = meter.Unavailable(meter.CodeNotReceiving, time.Minute,
	"reception is shut down: readings and registrations are not taken until it is resumed").Because(meter.ReasonShutDown)

// Register makes a meter known. When it returns nil the account is on disk.
func (l *Ledger) Register(ctx context.Context, id meter.ID, ownerName, address string) error {
	account := meter.Account{ID: id, OwnerName: ownerName, Address: address, RegisteredAt: l.now()}
	if err := l.sure(ctx, func() error { return l.isNew(id) }); err != nil {
		return err
	}
	if err := l.meterRoom.begin(1); err != nil {
		return err
	}
	defer l.meterRoom.end(1)
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

// isNew returns why a meter cannot be registered now, or nil.
func (l *Ledger) isNew(id meter.ID) error {
	if _, known := l.store.Lookup(id); known {
		return meterExists(id)
	}
	return l.refusal()
}

func meterExists(id meter.ID) error {
	return &meter.Error{
		Kind: meter.KindInvalid, Code: meter.CodeMeterExists, Field: "meter_id",
		Detail: fmt.Sprintf("meter %s is already registered", id),
	}
}

// SetOwner records who lives behind a meter from now on, and at which address; an empty one of the
// two stays as it is. Who was there before keeps what was true then. It is taken also while
// reception is shut down. The log tells by whom, and names nobody else.
func (l *Ledger) SetOwner(ctx context.Context, id meter.ID, owner, address, by string) error {
	m, err := l.find(ctx, id)
	if err == nil {
		err = l.shutForPeople()
	}
	if err != nil {
		return err
	}
	k := &commit{payload: store.AppendOwner(nil, m.Index, l.zone.Instant(l.now()), owner, address), entries: 1, deferred: true}
	k.growth = accountsGrowth(k)
	v, err := l.put(ctx, k, steady)
	if err == nil && v.Outcome == store.Accepted {
		l.log.Info("a meter's owner was set", "meter_id", id, "by", by)
	}
	return err
}

// meterRoom refuses registrations once there are as many meters as there may be.
type meterRoom struct {
	l   *Ledger
	max uint32 // meters; 0 for any number

	mu       sync.Mutex // guards underWay
	underWay int        // registrations, some of which may be counted as meters already
}

// begin takes room for some registrations, which the caller gives back with end once they have their
// verdicts.
func (r *meterRoom) begin(registrations int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	meters, _ := r.l.store.Counts()
	if r.max == 0 || meters+r.underWay+registrations <= int(r.max) {
		r.underWay += registrations
		return nil
	}
	return meter.Unavailable(meter.CodeMemoryFull, time.Minute,
		"no more than %d meters can be registered: start the api with a higher -meters-max", r.max)
}

func (r *meterRoom) end(registrations int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.underWay -= registrations
}

// fits returns what begin would.
func (r *meterRoom) fits(registrations int) error {
	err := r.begin(registrations)
	if err == nil {
		r.end(registrations)
	}
	return err
}
