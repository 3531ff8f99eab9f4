package ledger

import (
	"context"
	"fmt"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Result is what the system did with one reading.
type Result struct {
	Duplicate bool  // it was recorded before; nothing changed
	Err       error // it was refused
}

// Record takes one reading. A nil error means that it is on disk.
func (l *Ledger) Record(ctx context.Context, r meter.Reading) (Result, error) {
	return l.record(ctx, r, true)
}

// RecordWithin is Record for a sender with a scope: a meter outside is none that is registered, and
// is not even looked up.
func (l *Ledger) RecordWithin(ctx context.Context, scope *meter.Scope, r meter.Reading) (Result, error) {
	return l.record(ctx, r, scope.Has(r.Meter))
}

func (l *Ledger) record(ctx context.Context, r meter.Reading, isWithin bool) (Result, error) {
	l.asked.Add(1)
	s := l.singles.Get().(*submission)
	s.reset(l, impatient)
	err := s.locate(ctx, r, isWithin)
	if err == nil {
		err = s.send(ctx)
	}
	if err == nil {
		err = s.settle()
	}
	if err != nil {
		l.CountRefusal(err)
		return Result{}, err
	}
	l.metrics.settled(s)
	result := Result{Duplicate: s.duplicates > 0}
	if s.refused > 0 {
		result.Err = s.refusals[0].Err
	}
	l.singles.Put(s)
	return result, result.Err
}

// locate adds one reading, unless its meter is unknown or outside the scope of its sender.
func (s *submission) locate(ctx context.Context, r meter.Reading, isWithin bool) error {
	var m store.Meter
	known := false
	if isWithin {
		m, known = s.l.store.Lookup(r.Meter)
	}
	if isWithin && !known && !s.sure {
		if err := s.confirm(ctx); err != nil {
			return err
		}
		m, known = s.l.store.Lookup(r.Meter)
	}
	switch {
	case known:
		s.add(1, store.Reading{Meter: m.Index, Slot: r.Slot, Register: r.Register})
	case s.doubt != nil:
		s.putOff(1, s.doubt)
	default:
		s.refuse(1, meter.UnknownMeter(r.Meter))
	}
	return nil
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
			"of %v kWh is less than the earlier %v kWh of %s%s", r.Register, v.Other.Register, l.zone.Stamp(v.Other.Slot), l.hint(r, v.Other))}
	case store.AboveLater:
		return Result{Err: meter.Invalid(meter.CodeReadingDecreases, "reading",
			"of %v kWh is more than the later %v kWh of %s", r.Register, v.Other.Register, l.zone.Stamp(v.Other.Slot))}
	case store.BelowExchange:
		return Result{Err: meter.Invalid(meter.CodeReadingDecreases, "reading",
			"of %v kWh is less than the %v kWh with which its dial began after %s", r.Register, v.Other.Register, l.zone.Stamp(v.Other.Slot))}
	case store.AboveExchange:
		return Result{Err: meter.Invalid(meter.CodeReadingDecreases, "reading",
			"of %v kWh is more than the %v kWh with which its dial ended after %s", r.Register, v.Other.Register, l.zone.Stamp(v.Other.Slot))}
	case store.AtModulus:
		return Result{Err: meter.Invalid(meter.CodeInvalidReading, "reading",
			"of %v kWh is not below %v kWh, at which its dial rolls over", r.Register, v.Other.Register)}
	case store.Archived, store.Held:
		return Result{Err: l.monthBusy(r.Slot)}
	case store.NotReceiving:
		return Result{Err: errNotReceiving}
	default:
		panic(fmt.Sprintf("BUG: the store answered a reading with outcome %d", v.Outcome))
	}
}

// hint says what to do about a register that looks like that of another dial, or of one that
// went past its end, or follows a wrong one: it is less than half of the earlier one.
func (l *Ledger) hint(r store.Reading, earlier meter.Point) string {
	if r.Register.Decimal().Add(r.Register.Decimal()).GreaterThanOrEqual(earlier.Register.Decimal()) {
		return ""
	}
	id := l.store.Account(r.Meter).ID
	hint := fmt.Sprintf("; if the meter was exchanged, enter it with POST /meters/%s/exchange", id)
	if _, limits := l.store.Life(r.Meter); limits.RollsOverAt == (meter.Register{}) {
		hint += ", and if its dial rolls over, set rolls_over_at"
	}
	return hint + fmt.Sprintf("; if the earlier reading is wrong, correct it with POST /meters/%s/corrections", id)
}
