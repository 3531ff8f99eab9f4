package node_test

import (
	"strings"
	"testing"

	"meterledger/internal/closing"
	"meterledger/internal/meter"
)

func TestArchivesAreReadInEitherForm(t *testing.T) {
	b := lived(t)
	defer func() { b.close() }()
	points, figures := b.points("A", "B", "C"), b.figures()
	b.compress = true
	b.restart()
	if code := b.record("B", "2026-09-09T00:00", "10.5"); code != "" { // judged by a plain archive
		t.Fatal(code)
	}
	b.closes(october.Month) // September is late and closed again too
	points = append(points, "B 2026-09-09T00:00:00 10.5")
	b.wantPoints(points)
	for _, listed := range b.Status().Archives {
		compressed := listed.Period.IsMonth() && !listed.Period.CalendarMonth().Before(october.Month.Add(-1))
		if strings.HasSuffix(listed.File, ".csv.zst") != compressed || listed.State != closing.ArchiveGood {
			t.Errorf("%s is %+v", listed.Period, listed)
		}
	}
	b.compress = false
	b.restart()
	if code := b.record("B", "2026-09-09T00:30", "10.25"); code != meter.CodeReadingDecreases { // judged by a compressed one
		t.Errorf("a late reading that falls: %q", code)
	}
	b.wantPoints(points)
	b.loses("A", "B", "C")
	if restored := b.restores(); restored.Refused != 0 {
		t.Errorf("restored %+v", restored)
	}
	b.wantPoints(points)
	if got := b.figures(); len(got) != len(figures)+1 { // B has a bill for September now
		t.Errorf("bills %q, before %q", got, figures)
	}
}

// wantPoints wants these readings, in any order.
func (b *bench) wantPoints(want []string) {
	b.t.Helper()
	got := make(map[string]bool)
	for _, p := range b.points("A", "B", "C") {
		got[p] = true
	}
	for _, p := range want {
		if !got[p] {
			b.t.Errorf("%s is missing", p)
		}
	}
	if len(got) != len(want) {
		b.t.Errorf("%d readings, want %d", len(got), len(want))
	}
}

func TestAPlainFileBesideACompressedOneIsNotOverwritten(t *testing.T) {
	b := newCrashableBench(t)
	b.compress = true
	b.restart()
	defer func() { b.close() }()
	b.register("A", "B", "C")
	b.recordRows([]string{"A 2026-10-01T00:00 1"})
	b.closes(october.Month)
	b.put("monthly_2026-10.csv", header, "A,2026-10-02T00:00:00,2", "")
	for _, compress := range []bool{true, false} {
		b.compress = compress
		b.restart()
		run := b.maintain(october)
		if code(t, run.Err) != meter.CodeArchiveConflict || !strings.Contains(run.Err.Error(), "both plain and compressed") {
			t.Errorf("closing it again: %v", run.Err)
		}
		if text := b.text("Archive/monthly_2026-10.csv"); !strings.Contains(text, "2026-10-02") {
			t.Errorf("the file is %q now", text)
		}
		b.wantPoints([]string{"A 2026-10-01T00:00:00 1"})
	}
}
