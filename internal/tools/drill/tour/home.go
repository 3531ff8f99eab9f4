package tour

import (
	"slices"

	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
	"meterledger/internal/tools/households"
)

// home is one household of the demo: what its meter sends and, by the sums of
// the source's intervals, what the api must answer about it.
type home struct {
	id       meter.ID
	source   households.Household
	first    meter.Slot // on which half hour 0 of the source falls
	placed   households.Shifted
	accepted []meter.Reading // in order of time
}

func newHome(source households.Household, first, last meter.Slot) *home {
	id := meter.ID(source.ID)
	return &home{
		id: id, source: source, first: first,
		placed: households.Shift(id, source.Registers(opening), first, last),
	}
}

// within returns the readings that the api has taken in a window.
func (h *home) within(w meter.Window) []meter.Reading {
	from, _ := slices.BinarySearchFunc(h.accepted, w.From, bySlot)
	to, _ := slices.BinarySearchFunc(h.accepted, w.To+1, bySlot)
	return h.accepted[from:max(from, to)]
}

func bySlot(r meter.Reading, s meter.Slot) int { return int(r.Slot) - int(s) }

// used sums what the source says was used after from and up to to.
func (h *home) used(from, to meter.Slot) decimal.Decimal {
	var sum decimal.Decimal
	for _, interval := range h.source.Intervals {
		if end := h.first + meter.Slot(interval.End); from < end && end <= to {
			sum = sum.Add(interval.Energy)
		}
	}
	return sum
}

// consumption is what the api must answer for a window of which the grid points
// up to until are expected; false where it has too few readings for an answer.
func (h *home) consumption(zone *meter.Zone, w meter.Window, until meter.Slot) (consumption, bool) {
	taken := h.within(w)
	if len(taken) < 2 {
		return consumption{}, false
	}
	from, to := taken[0].Slot, taken[len(taken)-1].Slot
	expected := w.Until(until).Points()
	return consumption{
		StartReading: opening.Add(h.used(0, from)), EndReading: opening.Add(h.used(0, to)),
		Consumption: h.used(from, to),
		StartTime:   zone.Stamp(from), EndTime: zone.Stamp(to),
		Readings: len(taken), ExpectedReadings: expected, Complete: len(taken) == expected,
	}, true
}

// gap is a run of missing half hours.
type gap struct {
	first     meter.Slot
	halfHours int
}

// gaps returns the household's missing half hours up to last.
func (h *home) gaps(last meter.Slot) []gap {
	var gaps []gap
	for _, g := range h.source.Gaps() {
		first := h.first + meter.Slot(g.First)
		if first <= last {
			gaps = append(gaps, gap{first, min(g.HalfHours, int(last-first)+1)})
		}
	}
	return gaps
}

// lastInterval returns where the household's last interval of the source ends.
func (h *home) lastInterval() meter.Slot {
	return h.first + meter.Slot(h.source.Intervals[len(h.source.Intervals)-1].End)
}
