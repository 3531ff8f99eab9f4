package node_test

import (
	"context"
	"testing"
	"time"

	"meterledger/internal/meter"
)

func TestAMeterHasOnlySoManyExchanges(t *testing.T) {
	b := newBenchOn(t, "Asia/Singapore", day(time.October, 29))
	b.register("A")
	first := b.zone.DayStart(day(time.October, 1)).Instant()
	exchange := func(n int) (repeated bool, err error) {
		old, _ := meter.RegisterFromParts(5, 0)
		return b.Exchange(context.Background(), "A", meter.Change{At: first + meter.Instant(7*n), Kind: meter.Exchange, Old: old, New: old})
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
	if err := b.TakeBack(context.Background(), "A", first); err != nil {
		t.Fatal(err)
	}
	if _, err := exchange(300); err != nil {
		t.Errorf("once another was taken back: %v", err)
	}
}
