package store

import (
	"cmp"
	"iter"
	"slices"

	"meterledger/internal/meter"
)

// pastOf is what is kept of a meter beside its readings.
type pastOf struct {
	account *meter.Account
	life    *life
	edits   *pastEdits // nil if there are none
}

// Events hands out what happened to meters beside their readings, of one moment and in the
// order of the file of events.
func (s *Store) Events() iter.Seq[meter.Event] {
	return func(yield func(meter.Event) bool) {
		pasts := s.pasts()
		slices.SortFunc(pasts, func(a, b pastOf) int { return cmp.Compare(a.account.ID, b.account.ID) })
		var events []meter.Event
		for _, p := range pasts {
			events = p.appendEvents(events[:0])
			for _, e := range events {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// pasts finds the meters of which there is more than readings. What it returns is never changed.
func (s *Store) pasts() (pasts []pastOf) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for i := range s.marked.all {
		pasts = append(pasts, pastOf{&s.accounts[i], s.lifeOf(i), s.edits.at(i)})
	}
	return pasts
}

func (p *pastOf) appendEvents(events []meter.Event) []meter.Event {
	id := p.account.ID
	if p.life.limits != (meter.Limits{}) {
		events = append(events, meter.EventOfLimits(id, p.life.limits))
	}
	for _, c := range p.life.dials {
		events = append(events, meter.EventOfChange(id, c))
	}
	if p.edits != nil {
		for _, past := range p.edits.all {
			events = append(events, past.event(id))
		}
	}
	slices.SortStableFunc(events, meter.Event.Compare)
	return events
}

func (p Past) event(id meter.ID) meter.Event {
	e := meter.Event{
		Meter: id, Kind: meter.EventCorrection, At: p.Slot.Instant(), Old: p.Before, New: p.After,
		EnteredAt: p.At, By: p.By, Reason: p.Reason,
	}
	if p.IsWithdrawn {
		e.Kind = meter.EventWithdrawal
	}
	return e
}

// EditOf returns the edit that an event is.
func EditOf(e meter.Event) Past {
	slot, _ := e.At.Slot()
	return Past{
		Edit{Slot: slot, Before: e.Old, After: e.New, IsWithdrawn: e.Kind == meter.EventWithdrawal},
		Note{At: e.EnteredAt, By: e.By, Reason: e.Reason},
	}
}
