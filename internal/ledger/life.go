package ledger

import (
	"context"
	"fmt"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// exchangesMax is how many exchanges and resets a meter may have: all of them may stand in one
// bill, which has to fit into a commit. So has one with eventsTogether more, which are put back before
// the first of them counts.
const exchangesMax = 300

// Exchange records that a meter has another dial from an instant on, and reports whether that
// was recorded before. It may come late, also for closed months. With replace it takes the place
// of another of that instant. When it returns nil, it is on disk.
func (l *Ledger) Exchange(ctx context.Context, id meter.ID, c meter.Change, replace bool) (repeated bool, err error) {
	m, err := l.find(ctx, id)
	if err != nil {
		return false, err
	}
	if c.At > l.zone.Instant(l.now().Add(meter.FutureMax)) {
		return false, meter.Invalid(meter.CodeInvalidTimestamp, "at", "lies more than five minutes in the future")
	}
	if c.At < l.readingsFrom.Instant() {
		return false, meter.Invalid(meter.CodeInvalidTimestamp, "at", "lies before %s, from which on readings are taken", l.zone.Stamp(l.readingsFrom))
	}
	if err := l.sure(ctx, func() error { return l.takesAnother(m, c.At) }); err != nil {
		return false, err
	}
	c.EnteredAt = l.now()
	v, err := l.change(ctx, m, store.AppendExchange(nil, m.Index, c, replace))
	if err != nil {
		return false, err
	}
	if v.Outcome == store.Accepted {
		l.log.Info("a meter's dial was exchanged", "meter_id", id, "kind", c.Kind, "at", l.zone.StampTime(l.zone.TimeOf(c.At)), "by", c.By)
	}
	return v.Outcome == store.Duplicate, l.exchangeFault(m, c, v)
}

// takesAnother refuses an exchange of a meter that has as many as it may, unless it has one at that
// time.
func (l *Ledger) takesAnother(m store.Meter, at meter.Instant) error {
	dials, n := l.Dials(m), 0
	if len(dials) < exchangesMax {
		return nil
	}
	for i := range dials {
		if dials[i].Kind != meter.Rollover {
			n++
		}
	}
	if _, found := dials.Find(at); found || n < exchangesMax {
		return nil
	}
	return meter.Invalid(meter.CodeInvalidParameter, "at", "is that of one exchange too many: a meter may have %d", exchangesMax)
}

// exchangeFault says why an exchange was not taken.
func (l *Ledger) exchangeFault(m store.Meter, c meter.Change, v store.Verdict) error {
	at := l.zone.Stamp(v.Other.Slot)
	switch v.Outcome {
	case store.Accepted, store.Duplicate:
		return nil
	case store.ExchangeConflict:
		known, _ := l.Dials(m).Find(c.At)
		return meter.Invalid(meter.CodeExchangeConflict, "at", "has another %s already, from %v to %v kWh: replace=true puts this one in its place", known.Kind, known.Old, known.New)
	case store.BelowEarlier, store.BelowExchange:
		return meter.Invalid(meter.CodeReadingDecreases, "old_reading", "of %v kWh is less than the earlier %v kWh of %s", c.Old, v.Other.Register, at)
	case store.AboveLater, store.AboveExchange:
		return meter.Invalid(meter.CodeReadingDecreases, "new_reading", "of %v kWh is more than the later %v kWh of %s", c.New, v.Other.Register, at)
	case store.Conflict:
		return meter.Invalid(meter.CodeReadingConflict, "old_reading",
			"of %v kWh and the new one of %v kWh conflict with %v kWh, which is recorded for %s", c.Old, c.New, v.Other.Register, at)
	case store.AtModulus:
		return notBelow(c, v.Other.Register)
	case store.NoReading:
		return meter.Invalid(meter.CodeInvalidParameter, "old_reading", "must be given, since the meter has no reading at or before at")
	default:
		panic(fmt.Sprintf("BUG: the store answered an exchange with outcome %d", v.Outcome))
	}
}

func notBelow(c meter.Change, modulus meter.Register) error {
	field, register := "old_reading", c.Old
	if register.Cmp(modulus) < 0 {
		field, register = "new_reading", c.New
	}
	return meter.Invalid(meter.CodeInvalidReading, field, "of %v kWh is not below %v kWh, at which the dial rolls over: change rolls_over_at first", register, modulus)
}

// TakeBack records that there was no such exchange. The log tells by whom.
func (l *Ledger) TakeBack(ctx context.Context, id meter.ID, at meter.Instant, by string) error {
	m, err := l.find(ctx, id)
	if err != nil {
		return err
	}
	v, err := l.change(ctx, m, store.AppendTakenBack(nil, m.Index, at))
	if err != nil {
		return err
	}
	stamp := l.zone.StampTime(l.zone.TimeOf(at))
	switch v.Outcome {
	case store.Accepted:
		l.log.Info("an exchange was taken back", "meter_id", id, "at", stamp, "by", by)
		return nil
	case store.NoChange:
		return meter.NotFound(meter.CodeNotFound, "meter %s has no exchange at %s", id, stamp)
	case store.AtModulus:
		return meter.Invalid(meter.CodeInvalidReading, "at",
			"cannot be taken back: the dial before has shown no less than %v kWh, at which the present one rolls over: change rolls_over_at first", v.Other.Register)
	default:
		return meter.Invalid(meter.CodeReadingDecreases, "at", "cannot be taken back: readings would not rise beside %v kWh of %s", v.Other.Register, l.zone.Stamp(v.Other.Slot))
	}
}

// ChangeLimits records some of a meter's limits; the others stay as they are then. The log tells by whom.
func (l *Ledger) ChangeLimits(ctx context.Context, id meter.ID, some meter.SomeLimits, by string) error {
	if l.store.Level() < store.LevelFields {
		return l.changeAll(ctx, id, some, by)
	}
	m, err := l.find(ctx, id)
	if err != nil {
		return err
	}
	return l.limit(ctx, m, store.AppendSomeLimits(nil, m.Index, some), some.Over(meter.Limits{}), by)
}

// changeAll records all limits of a meter, some of them anew, for nodes of older programs. Who changes others at
// another node at the same moment may not be heard.
func (l *Ledger) changeAll(ctx context.Context, id meter.ID, some meter.SomeLimits, by string) error {
	l.setting.Lock()
	defer l.setting.Unlock()
	// Limits that another node has set are not to be set back.
	if _, err := l.confirm(ctx); err != nil {
		return err
	}
	m, err := l.lookup(id)
	if err != nil {
		return err
	}
	_, limits := l.store.Life(m.Index)
	return l.SetLimits(ctx, id, some.Over(limits), by)
}

// SetLimits records a meter's limits. The log tells by whom.
func (l *Ledger) SetLimits(ctx context.Context, id meter.ID, limits meter.Limits, by string) error {
	m, err := l.find(ctx, id)
	if err != nil {
		return err
	}
	return l.limit(ctx, m, store.AppendLimits(nil, m.Index, limits), limits, by)
}

// limit writes an entry of limits, of which those that are said anew are given.
func (l *Ledger) limit(ctx context.Context, m store.Meter, entry []byte, given meter.Limits, by string) error {
	v, err := l.change(ctx, m, entry)
	if err != nil {
		return err
	}
	if v.Outcome == store.Accepted {
		_, now := l.store.Life(m.Index)
		l.log.Info("a meter's limits were set", "meter_id", m.ID, "rolls_over_at", unlessZero(now.RollsOverAt), "max_kw", unlessZero(meter.Register(now.MaxKW)), "by", by)
	}
	return l.limitsFault(m, given, v)
}

// unlessZero returns nil for 0, which stands for a limit that is not set.
func unlessZero(r meter.Register) any {
	if r == (meter.Register{}) {
		return nil
	}
	return r
}

// limitsFault says why limits were not taken.
func (l *Ledger) limitsFault(m store.Meter, limits meter.Limits, v store.Verdict) error {
	switch v.Outcome {
	case store.ExchangeConflict:
		return otherLimits(m)
	case store.AtModulus:
		return meter.Invalid(meter.CodeInvalidParameter, "rolls_over_at", "of %v kWh is not above %v kWh, which the dial showed at %s",
			limits.RollsOverAt, v.Other.Register, l.zone.Stamp(v.Other.Slot))
	}
	return nil
}

func otherLimits(m store.Meter) error {
	return meter.Invalid(meter.CodeExchangeConflict, "rolls_over_at", "and max_kw of meter %s are recorded with other values", m.ID)
}

// Dials returns all changes of a meter.
func (l *Ledger) Dials(m store.Meter) meter.Dials {
	dials, _ := l.store.Life(m.Index)
	return dials
}
