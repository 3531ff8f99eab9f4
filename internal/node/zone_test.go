package node_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"meterledger/internal/closing"
	"meterledger/internal/meter"
)

// otherRules returns a zone of the same name by another time zone database.
func otherRules(t *testing.T, z *meter.Zone, standard int64, rules meter.Rules) *meter.Zone {
	t.Helper()
	other, err := z.Keep(standard, rules, time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return other
}

// TestNewRulesOfAZoneMoveNothingThatIsRecorded restarts with a database that has another
// standard offset, and others since before the readings.
func TestNewRulesOfAZoneMoveNothingThatIsRecorded(t *testing.T) {
	const begin = -2_000_000_000
	for name, rules := range map[string]struct {
		standard int64
		rules    meter.Rules
	}{
		"standard offset": {27000, meter.Rules{{begin, 27000}}},
		"since September": {28800, meter.Rules{{begin, 28800}, {time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC).Unix(), 27000}}},
		"for a month":     {28800, meter.Rules{{begin, 28800}, {time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC).Unix(), 32400}, {now.AddDate(0, 0, -10).Unix(), 28800}}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, "Asia/Singapore")
			defer func() { b.close() }()
			b.register("A")
			b.live("A", "2026-10-10T00:00", 0, 25)
			b.live("A", "2026-11-20T00:00", 100, 25)
			for _, q := range []closing.Request{october, {Kind: closing.Daily, Day: meter.Day{Year: 2026, Month: 11, Day: 20}}} {
				if run := b.maintain(q); run.Err != nil {
					t.Fatal(run.Err)
				}
			}
			before := b.stamped()
			b.close()
			begun := b.zone
			b.zone = otherRules(t, begun, rules.standard, rules.rules)
			for range 2 { // also when the folder was signed anew
				b.open()
				if got := b.stamped(); !slices.Equal(got, before) {
					t.Errorf("by new rules: %q\nwant %q", got, before)
				}
				b.now = b.now.Add(time.Hour)
				for _, q := range []closing.Request{october, {Kind: closing.Daily, Day: meter.Day{Year: 2026, Month: 11, Day: 20}}} {
					if run := b.maintain(q); run.Err != nil {
						t.Errorf("archiving again: %v", run.Err)
					}
				}
				for _, a := range b.Status().Archives {
					if a.State != closing.ArchiveGood {
						t.Errorf("%v is %s", a.Period, a.State)
					}
				}
				b.close()
			}
			b.open()
			if zone := b.Reader.Zone(); zone.StampTime(now.Add(-time.Hour)) != begun.StampTime(now.Add(-time.Hour)) || zone.StampTime(now.AddDate(2, 0, 0)) != b.zone.StampTime(now.AddDate(2, 0, 0)) {
				t.Errorf("the clock shows %s now and %s in two years", zone.StampTime(now.Add(-time.Hour)), zone.StampTime(now.AddDate(2, 0, 0)))
			}
		})
	}
}

// stamped returns all readings as callers see them.
func (b *bench) stamped() (all []string) {
	b.t.Helper()
	for _, month := range []meter.Month{{Year: 2026, Month: 10}, {Year: 2026, Month: 11}} {
		for _, p := range b.readings(b.t, "A", b.Reader.Zone().MonthWindow(month)) {
			all = append(all, fmt.Sprint(b.Reader.Zone().Stamp(p.Slot), " ", p.Register))
		}
	}
	return all
}
