package node_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/closing"
	"meterledger/internal/meter"
	"meterledger/internal/metric"
	"meterledger/internal/store"
)

// refused returns what is kept of a meter, as texts. All that was refused before is kept.
func (b *bench) refused(id meter.ID) (all []string) {
	b.t.Helper()
	b.keep()
	m, _ := b.Store().Lookup(id)
	for _, r := range b.Store().Refused(m.Index) {
		all = append(all, fmt.Sprint(b.zone.Stamp(r.Slot), " ", r.Register))
	}
	return all
}

// keep has readings kept as if they had been refused, and waits for what nobody waits for.
func (b *bench) keep(readings ...meter.Reading) {
	b.t.Helper()
	var part []store.Refusal
	for _, r := range readings {
		m, _ := b.Store().Lookup(r.Meter)
		part = append(part, store.Refusal{Reading: store.Reading{Meter: m.Index, Slot: r.Slot, Register: r.Register}})
	}
	if _, err := b.Ask(context.Background(), store.AppendRefusals(nil, b.refusalsMax, part), 1); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) wantRefused(id meter.ID, want ...string) {
	b.t.Helper()
	if got := b.refused(id); !slices.Equal(got, want) {
		b.t.Errorf("of %s %v is kept, want %v", id, got, want)
	}
}

// figure returns a figure as Prometheus gets it.
func (b *bench) figure(name string) (value string) {
	b.t.Helper()
	var text bytes.Buffer
	b.metrics.Write(&text)
	for line := range strings.Lines(text.String()) {
		if rest, ok := strings.CutPrefix(line, metric.Prefix+name+" "); ok {
			value = strings.TrimSpace(rest)
		}
	}
	return value
}

func TestWhatWasRefusedIsKeptHoweverTheProgramEnds(t *testing.T) {
	b := &bench{t: t, fs: vfs.NewCrashableMem(), zone: loadZone(t, "Asia/Singapore"), now: now, refusalsMax: 100}
	b.open()
	defer func() { b.close() }()
	b.register("A", "B")
	b.record("A", "2026-11-20T00:00", "10")
	if got := b.record("A", "2026-11-20T06:00", "9"); got != meter.CodeReadingDecreases {
		t.Fatalf("it was answered %q", got)
	}
	b.restart() // at once
	b.wantRefused("A", "2026-11-20T06:00:00 9")
	if got := b.record("A", "2026-11-20T00:00", "12"); got != meter.CodeReadingConflict {
		t.Fatalf("it was answered %q", got)
	}
	b.live("B", "2026-11-20T00:00", 0, 1) // which is fsynced after it
	b.kill()
	want := []string{"2026-11-20T00:00:00 12", "2026-11-20T06:00:00 9"}
	b.wantRefused("A", want...)
	b.snapshot()
	b.record("A", "2026-11-20T07:00", "8")
	b.keep()
	b.snapshot()
	b.kill()
	b.wantRefused("A", append(want, "2026-11-20T07:00:00 8")...)
	b.wantRefused("B")
}

// TestARepeatedRefusalWritesNothing sends a wrong value again and again, alone and among others.
func TestARepeatedRefusalWritesNothing(t *testing.T) {
	b := &bench{t: t, fs: vfs.NewMem(), zone: loadZone(t, "Asia/Singapore"), now: now, refusalsMax: 100, metrics: metric.NewSet()}
	b.open()
	defer b.close()
	b.register("A")
	b.record("A", "2026-11-20T00:00", "10")
	wrong := []meter.Reading{b.reading("A", "2026-11-20T01:00", "1"), b.reading("A", "2026-11-20T00:00", "99")}
	for _, r := range wrong {
		if _, err := b.Record(t.Context(), r); err == nil {
			t.Fatal("it was taken")
		}
	}
	b.keep()
	before, err := strconv.Atoi(b.figure("journal_batch_entries_count"))
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if _, err := b.Record(t.Context(), wrong[0]); err == nil {
			t.Fatal("it was taken")
		}
		if results, err := b.RecordMany(t.Context(), wrong); err != nil || results[0].Err == nil || results[1].Err == nil {
			t.Fatalf("%+v, %v", results, err)
		}
	}
	b.keep() // is one batch
	if after := b.figure("journal_batch_entries_count"); after != strconv.Itoa(before+1) {
		t.Errorf("%s batches are written, and were %d", after, before)
	}
	if b.figure("refusals") != "2" || b.figure("refusals_kept_total") != "2" || b.figure("refusals_dropped_total") != "0" || b.figure("refusals_pushed_out_total") != "0" {
		t.Errorf("%s are kept, %s were, %s dropped, %s pushed out",
			b.figure("refusals"), b.figure("refusals_kept_total"), b.figure("refusals_dropped_total"), b.figure("refusals_pushed_out_total"))
	}
}

func TestOnAFullDiskRefusalsAreOnlyCounted(t *testing.T) {
	disk := &limitedDisk{FS: vfs.NewMem()}
	disk.free.Store(1 << 30)
	b := &bench{t: t, fs: disk, zone: loadZone(t, "Asia/Singapore"), now: now, diskFreeMin: 1000, refusalsMax: 100, metrics: metric.NewSet()}
	b.open()
	defer b.close()
	b.register("A")
	b.record("A", "2026-11-20T00:00", "10")
	disk.free.Store(999)
	if got := b.record("A", "2026-11-20T06:00", "9"); got != meter.CodeReadingDecreases {
		t.Errorf("on a full disk it was answered %q", got)
	}
	b.record("A", "2026-11-20T07:00", "50") // waits for those before it, and is refused
	if got := b.figure("refusals_dropped_total"); got != "1" {
		t.Errorf("%s refusals were dropped", got)
	}
	disk.free.Store(1 << 30)
	b.wantRefused("A")
	b.record("A", "2026-11-20T06:00", "9")
	b.wantRefused("A", "2026-11-20T06:00:00 9")
}

func TestNoMoreRefusalsAreKeptThanTheSettingSays(t *testing.T) {
	b := &bench{t: t, fs: vfs.NewMem(), zone: loadZone(t, "Asia/Singapore"), now: now, refusalsMax: 3, metrics: metric.NewSet()}
	b.open()
	defer func() { b.close() }()
	b.register("A", "B")
	b.record("A", "2026-11-20T00:00", "10")
	b.record("B", "2026-11-20T00:00", "10")
	b.record("B", "2026-11-20T01:00", "1")
	for _, register := range []string{"5", "6", "7"} {
		b.record("A", "2026-11-20T01:00", register)
	}
	b.wantRefused("B")
	b.wantRefused("A", "2026-11-20T01:00:00 5", "2026-11-20T01:00:00 6", "2026-11-20T01:00:00 7")
	if got := b.figure("refusals_pushed_out_total"); got != "1" {
		t.Errorf("%s were pushed out", got)
	}
	b.close()
	b.refusalsMax, b.metrics = 2, metric.NewSet()
	b.open()
	if b.figure("refusals") != "2" || b.figure("refusals_pushed_out_total") != "0" {
		t.Errorf("after a start with less %s are kept, %s pushed out", b.figure("refusals"), b.figure("refusals_pushed_out_total"))
	}
	b.close()
	b.refusalsMax, b.metrics = 0, metric.NewSet()
	b.open()
	b.record("A", "2026-11-20T01:00", "8")
	b.record("A", "2026-11-20T01:00", "80") // which is taken
	if b.figure("refusals") != "0" || b.figure("refusals_dropped_total") != "0" {
		t.Errorf("without any, %s are kept, %s dropped", b.figure("refusals"), b.figure("refusals_dropped_total"))
	}
	if tally, err := b.Retake(t.Context(), "A"); err != nil || tally.Accepted+tally.Refused > 0 {
		t.Errorf("%+v, %v", tally, err)
	}
}

// TestASenderOfNothingButWrongReadingsFillsWhatAMeterMayHave sends a bulk without end.
func TestASenderOfNothingButWrongReadingsFillsWhatAMeterMayHave(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	defer b.close()
	b.register("A", "B")
	b.live("A", "2026-11-20T00:00", 0, 1)
	b.record("B", "2026-11-20T00:00", "7")
	b.record("B", "2026-11-20T00:00", "8")
	first := b.reading("A", "2026-11-20T00:00", "0").Slot
	bulk := b.Bulk(t.Context())
	var err error
	for n := 1; err == nil; n++ {
		register, _ := meter.RegisterFromParts(int64(n), 3)
		err = bulk.Add(n, meter.Reading{Meter: "A", Slot: first, Register: register}.Row())
	}
	if tally, err := bulk.Flush(); err == nil || tally.Refused < meter.RefusedRunMax {
		t.Fatalf("%+v, %v", tally, err)
	}
	if kept := len(b.refused("A")); kept != store.RefusedOfMeterMax {
		t.Errorf("%d are kept", kept)
	}
	b.wantRefused("B", "2026-11-20T00:00:00 8")
}

func TestARestoredRowThatIsRefusedIsNotKept(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	defer b.close()
	b.register("A")
	b.record("A", "2026-11-20T00:00", "10")
	bulk := b.Restore(t.Context())
	if err := bulk.Add(1, b.reading("A", "2026-11-20T00:00", "11").Row()); err != nil {
		t.Fatal(err)
	}
	if tally, err := bulk.Flush(); err != nil || tally.Refused != 1 {
		t.Fatalf("%+v, %v", tally, err)
	}
	b.wantRefused("A")
}

// TestKeptReadingsAreRetakenInOrderOfTime has some of a closed month, some that are recorded
// by now in memory and in the archive, and some that are still wrong.
func TestKeptReadingsAreRetakenInOrderOfTime(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	defer b.close()
	b.register("A", "B")
	for _, r := range [][2]string{{"2026-10-05T00:00", "100"}, {"2026-10-06T00:00", "110"}, {"2026-10-31T23:30", "200"}, {"2026-11-01T00:00", "200"}, {"2026-11-20T00:00", "300"}} {
		for _, id := range []meter.ID{"A", "B"} {
			if got := b.record(id, r[0], r[1]); got != "" {
				t.Fatal(got)
			}
		}
	}
	if run := b.maintain(closing.Request{Kind: closing.Monthly, Month: monthOf(10)}); run.Err != nil {
		t.Fatal(run.Err)
	}
	b.keep(
		b.reading("A", "2026-11-20T01:00", "302"), b.reading("A", "2026-11-20T00:30", "301"), b.reading("A", "2026-11-19T00:00", "301"),
		b.reading("A", "2026-10-05T12:00", "105"), b.reading("A", "2026-11-20T00:00", "300"), b.reading("B", "2026-10-06T00:00", "110"), b.reading("A", "2026-11-20T00:00", "299"),
	)
	tally, err := b.Retake(t.Context(), "A")
	if err != nil || tally.Accepted != 3 || tally.Duplicates != 1 || tally.Refused != 2 || tally.Retry != 0 {
		t.Errorf("%+v, %v", tally, err)
	}
	if len(tally.Refusals) != 2 || tally.Refusals[0].Row != 2 || meter.CodeOf(tally.Refusals[0].Err) != meter.CodeReadingDecreases ||
		tally.Refusals[1].Row != 4 || meter.CodeOf(tally.Refusals[1].Err) != meter.CodeReadingConflict {
		t.Errorf("refused were %+v", tally.Refusals)
	}
	b.wantRefused("A", "2026-11-19T00:00:00 301", "2026-11-20T00:00:00 299")
	if got := b.points("A"); !slices.Contains(got, "A 2026-10-05T12:00:00 105") || !slices.Contains(got, "A 2026-11-20T01:00:00 302") {
		t.Errorf("the readings are %v", got)
	}
	if months := b.Store().LateMonths(); !slices.Equal(months, []meter.Month{monthOf(10)}) {
		t.Errorf("to be closed again: %v", months)
	}
	// Of B the rows stand in the archive only.
	if tally, err := b.Retake(t.Context(), "B"); err != nil || tally.Duplicates != 1 || tally.Accepted+tally.Refused > 0 {
		t.Errorf("%+v, %v", tally, err)
	}
	b.wantRefused("B")
}

func TestARetakeIsRefusedAsABulkIs(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	defer b.close()
	b.register("A")
	b.record("A", "2026-11-20T00:00", "10")
	b.record("A", "2026-11-20T00:30", "9")
	if _, err := b.Retake(t.Context(), "B"); code(t, err) != meter.CodeMeterNotFound {
		t.Errorf("an unknown meter: %v", err)
	}
	if err := b.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Retake(t.Context(), "A"); code(t, err) != meter.CodeNotReceiving {
		t.Errorf("while shut down: %v", err)
	}
	b.wantRefused("A", "2026-11-20T00:30:00 9")
}

// TestAHeldReadingIsRetakenLater has a run hold a month back.
func TestAHeldReadingIsRetakenLater(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	defer b.close()
	b.register("A")
	b.record("A", "2026-11-20T00:00", "10")
	b.keep(b.reading("A", "2026-11-20T00:30", "11"))
	h := store.Hold{ID: store.HoldID{Term: store.Alone.Number, Incarnation: 99, Number: 1}, Window: b.zone.MonthWindow(monthOf(11)).Rows()}
	if _, err := b.Ask(t.Context(), store.AppendHold(nil, h), 1); err != nil {
		t.Fatal(err)
	}
	if tally, err := b.Retake(t.Context(), "A"); err != nil || tally.Retry != 1 {
		t.Errorf("%+v, %v", tally, err)
	}
	b.wantRefused("A", "2026-11-20T00:30:00 11")
	if _, err := b.Ask(t.Context(), store.AppendFree(nil, h.ID), 1); err != nil {
		t.Fatal(err)
	}
	if tally, err := b.Retake(t.Context(), "A"); err != nil || tally.Accepted != 1 {
		t.Errorf("%+v, %v", tally, err)
	}
	b.wantRefused("A")
}
