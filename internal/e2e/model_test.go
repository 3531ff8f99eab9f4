package e2e

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
	"meterledger/internal/tools/households"
)

const halfHour = 30 * time.Minute

// opening is what every meter showed before its first interval, in kWh.
var opening = decimal.NewFromInt(1000)

// home is one household in the plainest form: its registers by instant.
type home struct {
	id        string
	registers []register // in order of time
}

type register struct {
	at    time.Time
	value decimal.Decimal
}

// loadHomes places the sample in time: its first half hour falls on the 1st of
// last month, and what lies after now is left out.
func loadHomes(t *testing.T, now time.Time) []home {
	t.Helper()
	sample, err := households.Load()
	if err != nil {
		t.Fatal(err)
	}
	first := time.Date(now.Year(), now.Month()-1, 1, 0, 0, 0, 0, now.Location())
	var homes []home
	for _, h := range sample {
		one, sum := home{id: h.ID}, opening
		for _, interval := range h.Intervals {
			sum = sum.Add(interval.Energy)
			if at := first.Add(time.Duration(interval.End) * halfHour); !at.After(now) {
				one.registers = append(one.registers, register{at, sum})
			}
		}
		homes = append(homes, one)
	}
	return homes
}

// within returns the registers from one instant to another, both included.
func (h home) within(from, to time.Time) []register {
	var found []register
	for _, r := range h.registers {
		if !r.at.Before(from) && !r.at.After(to) {
			found = append(found, r)
		}
	}
	return found
}

// windowOf returns the window of a period by the calendar's plainest rules.
func (h home) windowOf(period string, now time.Time) (from, to time.Time) {
	year, month, day := now.Date()
	date := func(year int, month time.Month, day int) time.Time {
		return time.Date(year, month, day, 0, 0, 0, 0, now.Location())
	}
	switch period {
	case "today":
		return date(year, month, day), date(year, month, day+1)
	case "this_week":
		sinceMonday := (int(now.Weekday()) + 6) % 7
		return date(year, month, day-sinceMonday), date(year, month, day-sinceMonday+7)
	case "this_month":
		return date(year, month, 1), date(year, month+1, 1)
	case "last_month":
		return date(year, month-1, 1), date(year, month, 1)
	}
	end := now.Truncate(halfHour)
	if len(h.within(end, end)) == 0 {
		end = end.Add(-halfHour)
	}
	return end.Add(-halfHour), end
}

// expected counts the grid points of a window up to now.
func expected(from, to, now time.Time) int {
	count := 0
	for at := from; !at.After(to) && !at.After(now); at = at.Add(halfHour) {
		count++
	}
	return count
}

func loadSingapore(t *testing.T) *time.Location {
	t.Helper()
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	return zone.Location()
}
