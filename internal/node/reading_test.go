package node_test

import (
	"context"
	"testing"

	"meterledger/internal/meter"
)

func TestRegistersRiseWithTime(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	defer b.close()
	b.register("A")
	for _, step := range []struct {
		stamp, register string
		want            meter.Code
	}{
		{"2026-11-20T10:00", "100", ""},
		{"2026-11-20T10:30", "100", ""},                       // a home that uses nothing
		{"2026-11-20T11:00", "99.999", "reading_decreases"},   // below the latest earlier
		{"2026-11-20T12:00", "102", ""},                       //
		{"2026-11-20T11:00", "102.0001", "reading_decreases"}, // above the first later
		{"2026-11-20T11:00", "101", ""},                       // late, and fits
		{"2026-11-20T11:00", "101.0", ""},                     // the same again
		{"2026-11-20T11:00", "101.5", "reading_conflict"},     // another value
		{"2026-11-19T23:30", "100.5", "reading_decreases"},    // above the first later, a day on
		{"2026-11-19T23:30", "0", ""},                         //
	} {
		if got := b.record("A", step.stamp, step.register); got != step.want {
			t.Errorf("%s %s: got %q, want %q", step.stamp, step.register, got, step.want)
		}
	}
}

func TestUnknownMeterIsRefused(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	defer b.close()
	if got := b.record("A", "2026-11-20T10:00", "1"); got != meter.CodeMeterNotFound {
		t.Errorf("got %q", got)
	}
}

func TestReadingMayBeFiveMinutesAhead(t *testing.T) {
	b := newBench(t, "Asia/Singapore") // 10:10 in Singapore
	defer b.close()
	b.register("A")
	if got := b.record("A", "2026-11-23T10:30", "1"); got != meter.CodeInvalidTimestamp {
		t.Errorf("twenty minutes ahead: got %q", got)
	}
	b.now = b.now.Add(15 * 60 * 1e9)
	if got := b.record("A", "2026-11-23T10:30", "1"); got != "" {
		t.Errorf("five minutes ahead: got %q", got)
	}
}

func TestReadingsOfOneCallAreJudgedInOrder(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	defer b.close()
	b.register("A", "B")
	results, err := b.RecordMany(context.Background(), []meter.Reading{
		b.reading("A", "2026-11-20T10:00", "5"),
		b.reading("A", "2026-11-20T10:00", "5"),
		b.reading("A", "2026-11-20T10:00", "6"),
		b.reading("B", "2026-11-20T10:00", "1"),
		b.reading("A", "2026-11-20T10:30", "4"),
		b.reading("C", "2026-11-20T10:30", "4"),
		b.reading("A", "2026-11-20T10:30", "7"),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []meter.Code{"", "", "reading_conflict", "", "reading_decreases", "meter_not_found", ""}
	for i, result := range results {
		if got := code(t, result.Err); got != want[i] {
			t.Errorf("reading %d: got %q, want %q", i, got, want[i])
		}
		if result.Duplicate != (i == 1) {
			t.Errorf("reading %d: duplicate is %v", i, result.Duplicate)
		}
	}
}

func TestAcceptedSurvivesRestart(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	defer func() { b.close() }()
	b.register("A")
	b.record("A", "2026-11-20T10:00", "123456789.123456789")
	b.restart()
	if got := b.record("A", "2026-11-20T10:00", "1"); got != meter.CodeReadingConflict {
		t.Errorf("the reading was forgotten: %q", got)
	}
	account, err := b.Account("A")
	if err != nil || account.OwnerName != "Owner of A" || account.Address != "1 Road" || account.RegisteredAt.Unix() != now.Unix() {
		t.Errorf("account %+v, %v", account, err)
	}
}

func TestShutdownRefusesUntilResumedOverRestarts(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	defer func() { b.close() }()
	ctx := context.Background()
	b.register("A")
	if got := code(t, b.Resume(ctx)); got != meter.CodeAlreadyReceiving {
		t.Errorf("resume while receiving: %q", got)
	}
	if err := b.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	b.restart()
	if got := code(t, b.Shutdown(ctx)); got != meter.CodeAlreadyShutDown {
		t.Errorf("shutdown while shut down: %q", got)
	}
	if got := b.record("A", "2026-11-20T10:00", "1"); got != meter.CodeNotReceiving {
		t.Errorf("reading while shut down: %q", got)
	}
	if got := code(t, b.Register(ctx, "B", "B", "B")); got != meter.CodeNotReceiving {
		t.Errorf("registration while shut down: %q", got)
	}
	if err := b.Resume(ctx); err != nil {
		t.Fatal(err)
	}
	if got := b.record("A", "2026-11-20T10:00", "1"); got != "" {
		t.Errorf("reading after resume: %q", got)
	}
}

// TestWhatIsRecordedIsADuplicateAlsoWhereTheClockLiesBehind sets the clock back behind
// readings in memory and in an archive.
func TestWhatIsRecordedIsADuplicateAlsoWhereTheClockLiesBehind(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	defer b.close()
	b.register("A")
	b.record("A", "2026-10-20T10:00", "5")
	b.record("A", "2026-11-20T10:00", "7")
	if run := b.maintain(october); run.Err != nil {
		t.Fatal(run.Err)
	}
	b.now = b.now.AddDate(0, -2, 0)
	for _, step := range []struct {
		stamp, register string
		want            meter.Code
	}{
		{"2026-11-20T10:00", "7", ""},
		{"2026-10-20T10:00", "5", ""},
		{"2026-10-20T10:30", "6", meter.CodeNotReady},
		{"2026-11-20T10:30", "8", meter.CodeNotReady},
	} {
		if got := b.record("A", step.stamp, step.register); got != step.want {
			t.Errorf("%s %s by itself: got %q, want %q", step.stamp, step.register, got, step.want)
		}
		results, err := b.RecordMany(t.Context(), []meter.Reading{b.reading("A", step.stamp, step.register)})
		if err != nil || code(t, results[0].Err) != step.want {
			t.Errorf("%s %s in a bulk: got %+v, %v, want %q", step.stamp, step.register, results, err, step.want)
		}
	}
}
