package closing

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"meterledger/internal/meter"
	"meterledger/internal/vee"
)

// TestARunThatIsStoppedLeavesWhatWasFoundBefore stops it among the meters.
func TestARunThatIsStoppedLeavesWhatWasFoundBefore(t *testing.T) {
	day := meter.Day{Year: 2026, Month: 11, Day: 22}
	run := nationOn(t, 200, day)
	if err := run.examineDay(day); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(run.exceptions.path(day))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	run.ctx = ctx
	run.writer = stopper{stop: stop}
	if err := run.examineDay(day); !errors.Is(err, meter.ErrStopped) {
		t.Errorf("a run that was stopped: %v", err)
	}
	after, err := os.ReadFile(run.exceptions.path(day))
	if err != nil || string(after) != string(before) || !run.totals.isWhole(day) {
		t.Errorf("what was found before is gone: %v", err)
	}
	for _, files := range []keptDays{run.exceptions, run.totals} {
		if stat, err := os.Stat(files.path(day)); err != nil || stat.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", files.path(day), stat.Mode(), err)
		}
		if _, err := os.Stat(files.path(day) + ".tmp"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left half written: %v", files.path(day), err)
		}
	}
}

// stopper stops a run at its second pause.
type stopper struct {
	Writer
	stop func()
}

func (s stopper) Pace(context.Context) func() {
	pauses := 0
	return func() {
		if pauses++; pauses == 2 {
			s.stop()
		}
	}
}

func TestOnlyTheNewestFilesOfDaysAreKept(t *testing.T) {
	day := meter.Day{Year: 2026, Month: 11, Day: 22}
	run := nationOn(t, 3, day)
	for _, back := range []int{5, 6, 7} {
		if err := writeTotalsOf(run.Runs, population(t, run.zone, 3), day.AddDays(-vee.PastDays-back)); err != nil {
			t.Fatal(err)
		}
	}
	run.examine(day)
	days, err := run.totals.days()
	if err != nil || len(days) != totalsKept || days[0] != day.AddDays(-vee.PastDays-5) || days[totalsKept-1] != day {
		t.Errorf("totals of %d days are kept, %v", len(days), err)
	}
}

func TestTotalsAreReadBackAsTheyWereWritten(t *testing.T) {
	day := meter.Day{Year: 2026, Month: 11, Day: 22}
	run := nationOn(t, 1, day)
	want := []vee.Total{
		{},
		{IsKnown: true},
		{IsKnown: true, IsWhole: true},
		{Used: meter.AmountFromParts(0, 255), IsKnown: true},
		{Used: meter.AmountFromParts(0, 256), IsKnown: true, IsWhole: true},
		{Used: meter.AmountFromParts(0, 1<<64-1), IsKnown: true},
		{Used: meter.AmountFromParts(1<<63-1, 1<<64-1), IsKnown: true, IsWhole: true},
	}
	if err := writeTotals(run.Runs, day, slices.Values(want)); err != nil {
		t.Fatal(err)
	}
	r := run.openTotals(day)
	defer r.close()
	for i, total := range append(want, vee.Total{}) { // a meter that was registered since
		total.From = run.zone.DayStart(day)
		var got vee.Total
		if err := r.next(&got); err != nil || got != total {
			t.Errorf("total %d: %+v, want %+v, %v", i, got, total, err)
		}
	}
}
