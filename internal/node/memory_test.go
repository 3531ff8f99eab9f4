package node_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"meterledger/internal/closing"
	"meterledger/internal/meter"
	"meterledger/internal/node"
)

// fillMemory sends a reading a day of some meters since 2012, in one body and then one by
// one, until one is refused.
func fillMemory(t *testing.T, b *bench, meters int) {
	t.Helper()
	taken := 0
	var readings []meter.Reading
	for day := range min(5000, 50_000/meters) {
		at := time.Date(2012, 1, 1+day, 12, 0, 0, 0, time.UTC).Format("2006-01-02T15:04")
		for n := range meters {
			readings = append(readings, b.reading(meter.ID(fmt.Sprint("M", n)), at, fmt.Sprint(day)))
		}
	}
	results, err := b.RecordMany(context.Background(), readings)
	if err != nil {
		t.Fatal(err)
	}
	for row, r := range results {
		switch code := code(t, r.Err); code {
		case "":
			taken++
		case meter.CodeMemoryFull:
		default:
			t.Fatalf("row %d is refused with %s", row, code)
		}
	}
	if taken == 0 || taken == len(readings) {
		t.Fatalf("%d of %d readings were taken", taken, len(readings))
	}
	for row := range readings { // what the queue was granted is free again
		if _, err := b.Record(context.Background(), readings[row]); err != nil {
			return
		}
	}
	t.Fatal("all were taken one by one")
}

func limitedBench(t *testing.T, meters int, limit uint64) *bench {
	t.Helper()
	b := newBench(t, "Asia/Singapore")
	for n := range meters {
		b.register(meter.ID(fmt.Sprint("M", n)))
	}
	b.close()
	b.memoryLimit = limit
	b.open()
	return b
}

// TestFullMemoryRefusesWhatNeedsMoreOfItAndNothingElse fills what the store may take.
func TestFullMemoryRefusesWhatNeedsMoreOfItAndNothingElse(t *testing.T) {
	const meters, limit = 150, 4 << 20
	b := limitedBench(t, meters, limit)
	defer func() { b.close() }()
	for n := range meters { // a dense day
		b.record(meter.ID(fmt.Sprint("M", n)), "2026-10-20T10:00", "10000")
	}
	fillMemory(t, b, 90)
	if held := b.Store().Footprint().Sum(); held > limit {
		t.Errorf("the state takes %d bytes", held)
	}
	if reason := meter.ReasonOf(b.Ready()); reason != meter.ReasonMemoryFull {
		t.Errorf("the reason is %q", reason)
	}
	for what, c := range map[string]struct {
		id              meter.ID
		stamp, register string
		want            meter.Code
	}{
		"a reading of another day":             {"M8", "2026-10-21T10:00", "10000", meter.CodeMemoryFull},
		"one that does not fit into its block": {"M8", "2026-10-20T11:00", "99999999.123", meter.CodeMemoryFull},
		"one that has a place":                 {"M8", "2026-10-20T10:30", "10000", ""},
		"a duplicate":                          {"M0", "2012-01-01T12:00", "0", ""},
		"one that conflicts":                   {"M0", "2012-01-01T12:00", "1", meter.CodeReadingConflict},
		"one that decreases, and has no place": {"M0", "2026-10-25T10:00", "1", meter.CodeReadingDecreases},
		"one of a meter that nobody knows":     {"unknown", "2026-10-25T10:00", "1", meter.CodeMeterNotFound},
	} {
		if code := b.record(c.id, c.stamp, c.register); code != c.want {
			t.Errorf("%s: %q, want %q", what, code, c.want)
		}
	}
	if code := code(t, b.Register(t.Context(), "another", "Owner", "Road")); code != meter.CodeMemoryFull {
		t.Errorf("a registration: %q", code)
	}
	if points := b.readings(t, "M0", b.zone.MonthWindow(meter.Month{Year: 2012, Month: time.January})); len(points) != 31 {
		t.Errorf("a question finds %d readings", len(points))
	}
	if run := b.maintain(closing.Request{Kind: closing.Monthly, Month: meter.Month{Year: 2012, Month: time.January}}); run.Err != nil {
		t.Fatal(run.Err)
	}
	if err := b.Ready(); err != nil {
		t.Errorf("after a month was closed: %v", err)
	}
	if code := b.record("M8", "2026-10-21T10:00", "10000"); code != "" {
		t.Errorf("the reading of another day then: %q", code)
	}
}

func TestAFullMemoryTakesNoLateReading(t *testing.T) {
	b := limitedBench(t, 4, 2<<20)
	defer func() { b.close() }()
	b.record("M0", "2011-12-10T10:00", "0")
	if run := b.maintain(closing.Request{Kind: closing.Monthly, Month: meter.Month{Year: 2011, Month: time.December}}); run.Err != nil {
		t.Fatal(run.Err)
	}
	fillMemory(t, b, 2)
	if code := b.record("M0", "2011-12-10T10:00", "0"); code != "" {
		t.Errorf("a duplicate from the archive: %q", code)
	}
	if code := b.record("M0", "2011-12-11T10:00", "0"); code != meter.CodeMemoryFull {
		t.Errorf("a late reading: %q", code)
	}
}

// TestAStartThatNeedsMoreMemoryThanItMayTakeSaysHowMuch starts with less than was held.
func TestAStartThatNeedsMoreMemoryThanItMayTakeSaysHowMuch(t *testing.T) {
	b := limitedBench(t, 4, 2<<20)
	fillMemory(t, b, 2)
	b.restart()
	held := b.Store().Footprint()
	b.close() // writes a snapshot
	o := b.options()
	o.MemoryLimit = 1 << 19
	_, err := node.Open(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "MiB are missing; start with a larger -memory-limit") {
		t.Fatalf("error %v", err)
	}
	b.open()
	defer b.close()
	if now := b.Store().Footprint().Sum(); now > held.Sum()*11/10 {
		t.Errorf("after a restart the state takes %d bytes instead of %d", now, held.Sum())
	}
}

// TestAListOfAccountsStopsAtFullMemory imports accounts until memory is full.
func TestAListOfAccountsStopsAtFullMemory(t *testing.T) {
	const limit = 2 << 20
	b := limitedBench(t, 1, limit)
	defer func() { b.close() }()
	text := strings.Repeat("x", 200)
	accounts, err := b.ImportAccounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const many = 10_000
	for n := range many {
		if err := accounts.Add(n+1, meter.Account{ID: meter.ID(fmt.Sprint("A", n)), OwnerName: text, Address: text}); err != nil {
			t.Fatal(err)
		}
	}
	tally, err := accounts.Flush()
	if err != nil || tally.Accepted == 0 || tally.Retry == 0 || tally.Accepted+tally.Retry != many {
		t.Fatalf("%d accounts were taken, %d are worth sending again: %v", tally.Accepted, tally.Retry, err)
	}
	if first := code(t, tally.Refusals[0].Err); first != meter.CodeMemoryFull {
		t.Errorf("the first is refused with %q", first)
	}
	if held := b.Store().Footprint().Sum(); held > limit {
		t.Errorf("the state takes %d bytes", held)
	}
}

// TestReadingsThatHaveAPlaceEachButNotTogetherDoNotPassTheLimit sends pairs of readings of
// which the blocks of dense days can take either.
func TestReadingsThatHaveAPlaceEachButNotTogetherDoNotPassTheLimit(t *testing.T) {
	const meters, days, limit = 150, 20, 4 << 20
	b := limitedBench(t, meters, limit)
	defer func() { b.close() }()
	on := func(day int, clock string) string { return fmt.Sprintf("2026-09-%02dT%s", day+1, clock) }
	var first, pairs []meter.Reading
	for day := range days {
		for n := range meters {
			id, base := meter.ID(fmt.Sprint("M", n)), 100_000*(day+1)
			first = append(first, b.reading(id, on(day, "10:00"), fmt.Sprint(base)))
			pairs = append(pairs, b.reading(id, on(day, "09:30"), fmt.Sprint(base-1)), b.reading(id, on(day, "11:00"), fmt.Sprint(base+65_535)))
		}
	}
	if _, err := b.RecordMany(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	fillMemory(t, b, 90)
	was := b.Store().Footprint()
	for range 20 {
		if _, err := b.RecordMany(t.Context(), pairs); err != nil {
			t.Fatal(err)
		}
	}
	if is := b.Store().Footprint(); is.Sum() > was.Sum()*12/10 { // it was 1.7 times as much
		t.Errorf("what was full has grown from %+v to %+v", was, is)
	}
}
