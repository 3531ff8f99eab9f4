package rest

import "meterledger/internal/meter"

// window reads the two bounds of a window, both of which must be there.
func (a *api) window(start, end string) (w meter.Window, err error) {
	for _, bound := range []struct {
		name, value string
		slot        *meter.Slot
	}{{"start", start, &w.From}, {"end", end, &w.To}} {
		if bound.value == "" {
			return w, meter.Invalid(meter.CodeInvalidParameter, bound.name, "is missing")
		}
		if *bound.slot, err = a.zone.ParseSlot(bound.name, bound.value); err != nil {
			return w, err
		}
	}
	if w.To <= w.From {
		return w, meter.Invalid(meter.CodeInvalidParameter, "end", "must be after start")
	}
	return w, nil
}

// windowWithin reads the bounds that are given; the others are those of a window.
func (a *api) windowWithin(start, end string, rest meter.Window) (meter.Window, error) {
	if start == "" {
		start = a.zone.Stamp(rest.From)
	}
	if end == "" {
		end = a.zone.Stamp(rest.To)
	}
	return a.window(start, end)
}

// thisMonth is the window where no bounds are given.
func (a *api) thisMonth() meter.Window {
	return a.zone.MonthWindow(a.zone.Today(a.ledger.Now()).CalendarMonth())
}
