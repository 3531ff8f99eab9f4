package closing

import (
	"context"
	"errors"
	"slices"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// eventRestorer puts back what happened to meters beside their readings: most of it before the
// readings, which are understood by it.
//
// A correction that the archives have adds only its history, which keeps the register that it
// replaced out. A month's file that is adopted must not have that register: then the
// correction waits until the month is back, and has its effect on it.
type eventRestorer struct {
	*restorer

	months []meter.Month // that have a file

	isThere bool
	sum     [32]byte
	refused int               // before
	stale   map[meter.ID]bool // meters whose corrections wait
	found   foundRows
}

// begin puts back all but the corrections that wait. Of a file that has none but the store's
// events the store lacks only what was taken back since.
func (e *eventRestorer) begin() error {
	trust, err := e.trust(archive.EventsName)
	if err == nil {
		e.sum, err = e.archive.SHA256(archive.EventsName)
	}
	if errors.Is(err, archive.ErrMissing) {
		return nil
	}
	if err != nil || slices.Contains(e.store.Intents(eventsPeriod), e.sum) {
		return err
	}
	e.isThere, e.refused, e.stale = true, e.restored.Refused, make(map[meter.ID]bool)
	if err := e.lastings(e.findStale); err != nil {
		return err
	}
	tally, err := e.put(func(event meter.Event) bool { return !event.Kind.IsEdit() || !e.stale[event.Meter] })
	if tally.Accepted > 0 && trust == unverified {
		e.unverified(archive.EventsName)
	}
	return err
}

// end puts back the corrections that waited, and then registers that exchanges and corrections
// have left and that are not there. If nothing was refused, the file is the store's own from now
// on.
func (e *eventRestorer) end() error {
	if !e.isThere {
		return nil
	}
	if len(e.stale) > 0 {
		if _, err := e.put(func(event meter.Event) bool { return event.Kind.IsEdit() && e.stale[event.Meter] }); err != nil {
			return err
		}
	}
	if err := e.registers(); err != nil {
		return err
	}
	if e.restored.Refused > e.refused {
		return nil
	}
	h, err := e.take(store.NoWindow)
	if err != nil {
		return err
	}
	defer h.free()
	if err := h.writeEventsSum(e.sum); err != nil {
		return err
	}
	return h.lift()
}

func (e *eventRestorer) put(wants func(meter.Event) bool) (meter.Tally, error) {
	tally, err := e.eventFile().restore(e.restorer, func(ctx context.Context) Events { return e.restoreEvents(ctx) }, wants)
	e.restored.Events += tally.Accepted
	return tally, err
}

// lasting is what events left at a slot in the end.
type lasting struct {
	meter.Event // the last that says which register stands there; of none the slot is empty

	row      int
	replaced []meter.Register
}

// lastings calls take with what exchanges on the grid and corrections left at each slot. Rows
// that cannot be read are passed over.
func (e *eventRestorer) lastings(take func(lasting) error) error {
	var last lasting
	finish := func() error {
		if last.Meter == "" {
			return nil
		}
		return take(last)
	}
	err := e.eventFile().each(e.restorer, func(row int, event meter.Event, fault *meter.Error) error {
		_, onGrid := event.At.Slot()
		if isShown := event.Kind == meter.EventExchange || event.Kind == meter.EventReset; fault != nil || !onGrid ||
			!event.Kind.IsEdit() && (!isShown || event.IsEstimated) {
			return nil
		}
		if event.Meter != last.Meter || event.At != last.At {
			if err := finish(); err != nil {
				return err
			}
			last = lasting{}
		}
		last.Event, last.row = event, row
		if event.Kind.IsEdit() {
			last.replaced = append(last.replaced, event.Old)
		}
		return nil
	})
	return errors.Join(err, finish())
}

// register returns the register that stands at the slot in the end, and false if none does.
func (l *lasting) register() (meter.Register, bool) {
	switch l.Kind {
	case meter.EventWithdrawal:
		return meter.Register{}, false
	case meter.EventCorrection:
		return l.New, true
	default:
		return l.Old, true
	}
}

// findStale notes a meter whose month's file has a register that was replaced.
func (e *eventRestorer) findStale(l lasting) error {
	slot, _ := l.At.Slot()
	month := e.zone.MonthOf(slot)
	_, isClosed := e.store.Archived(month.Period())
	if len(l.replaced) == 0 || isClosed || !slices.Contains(e.months, month) {
		return nil
	}
	stands, some := l.register()
	register, found := e.found.at(e.task, month, l.Meter, slot)
	if found && (!some || register != stands) {
		e.stale[l.Meter] = true
	}
	return nil
}

// registers takes, as rows, the registers that events left where nothing stands.
func (e *eventRestorer) registers() error {
	rows := e.restore(e.ctx, func(i store.Index, recorded bool) {
		e.rows++
		if recorded {
			e.touch(i)
		}
	})
	err := e.lastings(func(l lasting) error {
		m, known := e.store.Lookup(l.Meter)
		slot, _ := l.At.Slot()
		register, some := l.register()
		if !known || !some || e.stands(m, slot) {
			return nil
		}
		return rows.Add(l.row, meter.Reading{Meter: l.Meter, Slot: slot, Register: register}.Row())
	})
	return errors.Join(err, e.flush(archive.EventsName, rows))
}

// stands reports whether there is a reading of a meter at a slot.
func (e *eventRestorer) stands(m store.Meter, slot meter.Slot) bool {
	if _, inMemory := e.store.At(m.Index, slot); inMemory {
		return true
	}
	month, archived := e.store.SummaryAt(m.Index, slot)
	if !archived {
		return false
	}
	_, found := e.found.at(e.task, month.Month, m.ID, slot)
	return found
}

// foundRows are the rows of a meter in a month's file that were looked for last.
type foundRows struct {
	month  meter.Month
	meter  meter.ID
	points []meter.Point
}

// at looks for the register of a slot. One in a file that cannot be searched is not found.
func (f *foundRows) at(t task, month meter.Month, id meter.ID, slot meter.Slot) (meter.Register, bool) {
	if f.month != month || f.meter != id {
		points, err := t.archive.FindMeter(archive.Name(month.Period()), id, t.zone.MonthWindow(month).Rows(), f.points[:0])
		if err != nil {
			points = nil
		}
		*f = foundRows{month, id, points}
	}
	place, found := slices.BinarySearchFunc(f.points, slot, meter.BySlot)
	if !found {
		return meter.Register{}, false
	}
	return f.points[place].Register, true
}
