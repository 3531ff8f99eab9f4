// Package town is homes whose meters send readings, the people who look after them, and what all of them were
// told by the api. Whatever the api keeps, in memory or in archives, is held against that.
package town

import (
	"sync/atomic"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/tools/witness"
)

// Town is homes and what is known of them. All its callers share it.
type Town struct {
	Calendar *Calendar
	Log      *witness.Log
	Findings *witness.Findings
	Asks     func(what string) (answered func(code string)) // is called before each request and after it
	Ending   atomic.Bool                                    // the api is about to be ended: it may refuse everything

	homes *fleet
}

// New returns a town without homes at a moment.
func New(now time.Time, f *witness.Findings, asks func(what string) (answered func(code string))) (*Town, error) {
	c, err := newCalendar(now)
	if err != nil {
		return nil, err
	}
	return &Town{Calendar: c, Log: witness.New(), Findings: f, Asks: asks, homes: &fleet{calendar: c}}, nil
}

// Meters returns those of all homes, in the order in which they came.
func (t *Town) Meters() (ids []meter.ID) {
	for _, h := range t.homes.all() {
		ids = append(ids, h.account.Meter)
	}
	return ids
}
