package pages

import (
	"slices"

	"meterledger/internal/meter"
	"meterledger/internal/query"
	"meterledger/internal/vee"
)

// extremesView is the highest and the lowest of the whole days of a window.
type extremesView struct {
	Of              string // how many whole days; empty if there is none
	Highest, Lowest dayUse
}

// extremes looks for the days of a window on which most and least was used. Only days of which every
// reading is there count. Of equal ones it is the first.
func (s *site) extremes(h home, w meter.Window) (view extremesView, err error) {
	var days []dayUse
	for b, err := range h.buckets(w, query.Day, vee.None) {
		if err != nil {
			return view, err
		}
		if b.Complete && !b.Clipped {
			days = append(days, h.usedOn(s.zone.DayOf(b.Window.From), b.Energy()))
		}
	}
	if len(days) > 0 {
		view.Of = count(len(days), "whole day")
		view.Highest, view.Lowest = slices.MaxFunc(days, compareUse), slices.MinFunc(days, compareUse)
	}
	return view, nil
}
