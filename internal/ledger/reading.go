package ledger

import (
	"context"
	"fmt"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// futureMax is how far a meter's clock may be ahead.
const futureMax = 5 * time.Minute

// Result is what became of one reading.
type Result struct {
	Duplicate bool  // it was recorded before; nothing changed
	Err       error // it was refused
}

// Record takes one reading. A nil error means that it is on disk.
func (l *Ledger) Record(ctx context.Context, r meter.Reading) (Result, error) {
	l.asked.Add(1)
	b := l.singles.get()
	b.reset(l, impatient)
	if m, known := l.store.Lookup(r.Meter); known {
		b.add(1, store.Reading{Meter: m.Index, Slot: r.Slot, Register: r.Register})
	} else {
		b.refuse(1, meter.UnknownMeter(r.Meter))
	}
	if err := b.send(ctx); err != nil {
		return Result{}, err
	}
	if err := b.settle(); err != nil {
		return Result{}, err
	}
	result := Result{Duplicate: b.duplicates > 0}
	if b.refused > 0 {
		result.Err = b.refusals[0].Err
	}
	l.singles.put(b)
	return result, result.Err
}

// monthBusy is the answer to a reading whose month is being closed right now.
func (l *Ledger) monthBusy(slot meter.Slot) error {
	return meter.Unavailable(meter.CodeMaintenanceRunning, time.Second,
		"%s is being archived; readings of that month are taken again when it is done", l.zone.MonthOf(slot))
}

// result puts the store's verdict into words.
func (l *Ledger) result(r store.Reading, v store.Verdict) Result {
	switch v.Outcome {
	case store.Accepted:
		return Result{}
	case store.Duplicate:
		return Result{Duplicate: true}
	case store.Conflict:
		return Result{Err: meter.Invalid(meter.CodeReadingConflict, "reading",
			"of %v kWh conflicts with %v kWh, which is recorded for %s", r.Register, v.Other.Register, l.zone.Stamp(r.Slot))}
	case store.BelowEarlier:
		return Result{Err: meter.Invalid(meter.CodeReadingDecreases, "reading",
			"of %v kWh is less than the earlier %v kWh of %s", r.Register, v.Other.Register, l.zone.Stamp(v.Other.Slot))}
	case store.AboveLater:
		return Result{Err: meter.Invalid(meter.CodeReadingDecreases, "reading",
			"of %v kWh is more than the later %v kWh of %s", r.Register, v.Other.Register, l.zone.Stamp(v.Other.Slot))}
	case store.Archived, store.Held:
		return Result{Err: l.monthBusy(r.Slot)}
	case store.NotReceiving:
		return Result{Err: errNotReceiving}
	default:
		panic(fmt.Sprintf("BUG: the store answered a reading with outcome %d", v.Outcome))
	}
}
