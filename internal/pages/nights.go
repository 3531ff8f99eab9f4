package pages

import (
	"slices"

	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
	"meterledger/internal/query"
	"meterledger/internal/vee"
)

// A night is the time in which most homes sleep: what is used then mostly runs all the time.
const (
	nightFrom, nightTo = 1, 5 // o'clock
	nightHours         = nightTo - nightFrom
)

// nightsView is what runs on at night.
type nightsView struct {
	Of                       string // how many whole nights; empty if there is none
	Typical, Lowest, Highest dayUse
	Nights                   []dayUse // of a month
	Months                   []monthOfNights
}

// monthOfNights is a month with its typical night.
type monthOfNights struct {
	Name, Href string
	Of         string // how many whole nights
	Typical    dayUse
}

// Watts is the mean power of what was used in a night.
func (u dayUse) Watts() string {
	return grouped(int(u.Used.Shift(3).DivRound(decimal.NewFromInt(nightHours), 0).IntPart()))
}

// nights returns what was used in the nights of a period: in each of a month, or in the typical one of
// each month of a year.
func (s *site) nights(h home, p period) (view nightsView, err error) {
	all, err := s.wholeNights(h, p.window(s.zone))
	if err != nil || len(all) == 0 {
		return view, err
	}
	view.Of, view.Typical = count(len(all), "whole night"), typical(all)
	view.Lowest, view.Highest = slices.MinFunc(all, compareUse), slices.MaxFunc(all, compareUse)
	if p.by == aMonth {
		view.Nights = all
		return view, nil
	}
	for len(all) > 0 {
		month, n := periodAround(aMonth, all[0].day), 0
		for n < len(all) && periodAround(aMonth, all[n].day) == month {
			n++
		}
		view.Months = append(view.Months, monthOfNights{month.String(), usagePath(h.id, month, ""), count(n, "whole night"), typical(all[:n])})
		all = all[n:]
	}
	return view, nil
}

// typical returns the median night: as many used more as used less.
func typical(nights []dayUse) dayUse {
	sorted := slices.SortedStableFunc(slices.Values(nights), compareUse)
	return sorted[(len(sorted)-1)/2]
}

// wholeNights returns the nights of a window of which every reading is there, but not those in which the
// clock is changed.
func (s *site) wholeNights(h home, w meter.Window) (whole []dayUse, err error) {
	var all []nightSum
	for b, err := range h.buckets(w, query.HalfHour, vee.None) {
		if err != nil {
			return nil, err
		}
		t := s.zone.Time(b.Window.From)
		if t.Hour() < nightFrom || t.Hour() >= nightTo {
			continue
		}
		if day := s.zone.Today(t); len(all) == 0 || all[len(all)-1].day != day {
			all = append(all, nightSum{day: day})
		}
		all[len(all)-1].add(b)
	}
	for _, sum := range all {
		if sum.known == 2*nightHours && sum.passed == 2*nightHours {
			whole = append(whole, h.usedOn(sum.day, meter.Energy{Decimal: sum.used}))
		}
	}
	return whole, nil
}

// nightSum adds up a night.
type nightSum struct {
	day           meter.Day
	used          decimal.Decimal // kWh
	known, passed int             // half hours
}

func (n *nightSum) add(b *query.Bucket) {
	n.passed++
	if b.Known() {
		n.known++
		n.used = n.used.Add(b.Energy().Decimal)
	}
}
