package node_test

import (
	"context"
	"testing"
	"time"

	"meterledger/internal/meter"
)

// TestAnExchangeInAMonthWithoutReadingsRevisesTheBillAfterIt has a bill that opens with a register of
// two months before, and an exchange between.
func TestAnExchangeInAMonthWithoutReadingsRevisesTheBillAfterIt(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	defer func() { b.close() }()
	b.register("A", "B")
	b.recordRows([]string{"A 2026-08-20T00:00 10", "A 2026-10-05T00:00 100", "B 2026-09-05T00:00 1"})
	for month := range 3 {
		b.closes(meter.Month{Year: 2026, Month: time.August}.Add(month))
	}
	at, err := b.zone.ParseInstant("at", "2026-09-10T12:17:00")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Exchange(context.Background(), "A", meter.Change{At: at, Kind: meter.Exchange, Old: kwh(t, "12"), New: kwh(t, "95")}, false); err != nil {
		t.Fatal(err)
	}
	b.closes(meter.Month{Year: 2026, Month: time.August}) // and September, in which something changed
	bill, err := b.Bill("A", october.Month)
	if err != nil || bill.Consumption().String() != "7" || bill.Revision != 2 || bill.Previous.Consumption().String() != "90" {
		t.Errorf("the bill says %v kWh, revision %d (%+v): %v", bill.Consumption(), bill.Revision, bill, err)
	}
}

func TestAMeterHasOnlySoManyExchanges(t *testing.T) {
	b := newBenchOn(t, "Asia/Singapore", day(time.October, 29))
	b.register("A")
	first := b.zone.DayStart(day(time.October, 1)).Instant()
	exchange := func(n int) (repeated bool, err error) {
		old, _ := meter.RegisterFromParts(5, 0)
		return b.Exchange(context.Background(), "A", meter.Change{At: first + meter.Instant(7*n), Kind: meter.Exchange, Old: old, New: old}, false)
	}
	for n := range 300 {
		if repeated, err := exchange(n); repeated || err != nil {
			t.Fatalf("exchange %d: %v, %v", n, repeated, err)
		}
	}
	if _, err := exchange(300); meter.CodeOf(err) != meter.CodeInvalidParameter {
		t.Errorf("one exchange too many: %v", err)
	}
	if repeated, err := exchange(150); !repeated || err != nil {
		t.Errorf("one that is recorded: %v, %v", repeated, err)
	}
	events := b.RestoreEvents(context.Background())
	for n := range 3 { // the last is one too many
		at := first + meter.Instant(7*(298+n))
		if err := events.Add(n, meter.Event{Meter: "A", Kind: meter.EventExchange, At: at, Old: kwh(t, "5"), New: kwh(t, "5")}); err != nil {
			t.Fatal(err)
		}
	}
	if tally, err := events.Flush(); err != nil || tally.Duplicates != 2 || len(tally.Refusals) != 1 || tally.Refusals[0].Row != 2 || meter.CodeOf(tally.Refusals[0].Err) != meter.CodeInvalidParameter {
		t.Errorf("put back from a list: %+v, %v", tally, err)
	}
	if err := b.TakeBack(context.Background(), "A", first, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := exchange(300); err != nil {
		t.Errorf("once another was taken back: %v", err)
	}
}
