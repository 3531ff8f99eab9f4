package node_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/archive"
	"meterledger/internal/faulttest"
	"meterledger/internal/journal"
	"meterledger/internal/meter"
	"meterledger/internal/query"
	"meterledger/internal/store"
	"meterledger/internal/vee"
)

// follower is a node that has applied the first batches of an order, beside the archive folder of
// the node that leads and has come to the end of it.
type follower struct {
	*query.Reader
	t       *testing.T
	store   *store.Store
	batches [][]byte
	applied int
	asked   int // to confirm
}

// batchesOf returns the payloads of the journal of a ledger that was closed.
func (b *bench) batchesOf() (batches [][]byte) {
	b.t.Helper()
	j, err := journal.OpenReadOnly(b.fs, "data/journal", slog.New(slog.DiscardHandler))
	if err != nil {
		b.t.Fatal(err)
	}
	defer j.Close()
	err = j.Replay(1, func(_ uint64, payload []byte) error {
		batches = append(batches, slices.Clone(payload))
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return batches
}

// follow returns a node that has applied n batches, and that applies all up to end if it has to
// confirm what it knows.
func (b *bench) follow(t *testing.T, batches [][]byte, n, end int) *follower {
	t.Helper()
	f := &follower{t: t, store: store.New(), batches: batches}
	f.apply(n)
	f.Reader = query.New(f.store, archive.OpenFolderToRead(b.fs, "Archive", b.zone), b.zone, b.options().Now, func() {})
	f.Confirm = func(context.Context) error {
		f.asked++
		f.apply(end)
		return nil
	}
	return f
}

func (f *follower) apply(end int) {
	f.t.Helper()
	for ; f.applied < end; f.applied++ {
		if _, err := f.store.Apply(f.batches[f.applied], store.Verdicts{}); err != nil {
			f.t.Fatal(err)
		}
	}
}

// october returns a meter's readings of October, by query or by export.
func (f *follower) october(b *bench, id meter.ID) (points []meter.Point, err error) {
	months, err := f.Readings(id, b.zone.MonthWindow(october.Month).Rows())
	if err != nil {
		return nil, err
	}
	for some, err := range months {
		if err != nil {
			return nil, err
		}
		points = append(points, some...)
	}
	return points, nil
}

func (f *follower) export(b *bench) (rows []string, err error) {
	err = f.Export(f.t.Context(), b.zone.MonthWindow(october.Month).Rows(), func(id meter.ID, points []meter.Point) error {
		for _, p := range points {
			rows = append(rows, fmt.Sprint(id, p))
		}
		return nil
	})
	return rows, err
}

// closedTwice is October closed, and again with readings that came late, the latest of all
// among them, and with others that were corrected. It returns the batches, how many there were
// when it was first closed, and how many when the second file was about to take its place.
func closedTwice(t *testing.T) (b *bench, batches [][]byte, first, intended int) {
	t.Helper()
	b = &bench{t: t, fs: vfs.NewMem(), zone: loadZone(t, "Asia/Singapore"), now: now}
	b.open()
	b.register("A", "B", "C", "D")
	b.recordRows(sceneRows)
	b.record("D", "2026-10-04T00:00", "1")
	b.mustMaintain(october)
	b.recordRows(sceneLateRows)
	b.record("D", "2026-10-31T00:00", "2")
	b.mustCorrect("B 2026-10-02T00:00 1", "-")
	b.mustCorrect("A 2026-10-15T12:00 2.5", "2.4")
	b.mustMaintain(october)
	b.close()
	batches = b.batchesOf()
	s := store.New()
	for n, batch := range batches {
		if _, err := s.Apply(batch, store.Verdicts{}); err != nil {
			t.Fatal(err)
		}
		switch revision := s.Revision(october.Month); {
		case revision == 1 && first == 0:
			first = n + 1
		case revision == 1 && intended == 0 && len(s.Intents(october.Month.Period())) > 0:
			intended = n + 1
		}
	}
	if first == 0 || intended <= first+4 || intended >= len(batches) {
		t.Fatalf("closed after %d, about to be closed again after %d of %d batches", first, intended, len(batches))
	}
	return b, batches, first, intended
}

func TestAFollowerBehindTheArchiveFolderLearnsWhatItHolds(t *testing.T) {
	b, batches, first, intended := closedTwice(t)
	whole := b.follow(t, batches, len(batches), len(batches))
	exported, err := whole.export(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []meter.ID{"A", "B", "C", "D"} {
		want, err := whole.october(b, id)
		if err != nil {
			t.Fatal(err)
		}
		asked := 0
		for n := first; n <= len(batches); n++ {
			for _, end := range []int{intended, len(batches)} {
				f := b.follow(t, batches, n, end)
				got, err := f.october(b, id)
				if err != nil || f.asked > 0 && !slices.Equal(got, want) {
					t.Errorf("after %d batches, then %d, %s has %v, %v; want %v", n, end, id, got, err, want)
				}
				asked += f.asked
			}
		}
		if asked == 0 {
			t.Errorf("nobody who was asked about %s was behind", id)
		}
	}
	learned := 0
	for n := first; n <= len(batches); n++ {
		for _, end := range []int{intended, len(batches)} {
			f := b.follow(t, batches, n, end)
			if rows, err := f.export(b); code(t, err) == meter.CodeNotReady && f.asked == 1 && n < intended {
				learned++
			} else if err != nil || !slices.Equal(rows, exported) {
				t.Errorf("after %d batches, then %d, an export says %v, %v", n, end, rows, err)
			}
			if rows, err := f.export(b); err != nil || !slices.Equal(rows, exported) {
				t.Errorf("asked again after %d batches, then %d, an export says %v, %v", n, end, rows, err)
			}
		}
	}
	if learned == 0 {
		t.Error("nobody who exported was behind")
	}
}

// TestAFollowerBehindDoesNotTellOfACorrectionFromTheArchiveFolder: a reading in the middle was corrected and the month closed again, so that
// the file that stands there has as many rows as the one that the follower knows, and the same first and last.
func TestAFollowerBehindDoesNotTellOfACorrectionFromTheArchiveFolder(t *testing.T) {
	b := &bench{t: t, fs: vfs.NewMem(), zone: loadZone(t, "Asia/Singapore"), now: now}
	b.open()
	b.register("A")
	for _, row := range []string{"A 2026-10-01T00:00 1", "A 2026-10-15T12:00 2", "A 2026-10-31T00:00 3"} {
		b.mustRecord(row)
	}
	b.mustMaintain(october)
	b.mustCorrect("A 2026-10-15T12:00 2", "2.5")
	b.mustMaintain(october)
	b.close()
	batches := b.batchesOf()
	isClosed, before, after := false, 0, 0
	for n := range batches {
		f := b.follow(t, batches, n+1, len(batches))
		isClosed = isClosed || f.store.Revision(october.Month) == 1
		if !isClosed {
			continue
		}
		want := "2"
		if f.store.Replaced("A", meter.Point{Slot: b.reading("A", "2026-10-15T12:00", "2").Slot, Register: kwh(t, "2")}) {
			want, after = "2.5", after+1
		} else {
			before++
		}
		points, err := f.october(b, "A")
		if code(t, err) == meter.CodeNotReady && f.asked > 0 {
			continue
		}
		if f.asked > 0 {
			want = "2.5"
		}
		if err != nil || len(points) != 3 || points[1].Register.String() != want {
			t.Errorf("after %d of %d batches A has %v, %v; want %s in the middle", n+1, len(batches), points, err, want)
		}
	}
	if before == 0 || after == 0 {
		t.Errorf("%d followers knew of the closing alone, %d of the correction", before, after)
	}
}

// TestAConsumptionIsOfOneMoment, also if readings of two months come while the archive of the first is read.
func TestAConsumptionIsOfOneMoment(t *testing.T) {
	b := &bench{t: t, fs: vfs.NewMem(), zone: loadZone(t, "Asia/Singapore"), now: now}
	b.open()
	b.register("A")
	b.mustRecord("A 2026-10-01T00:00 1")
	b.mustRecord("A 2026-10-31T00:00 3")
	b.mustMaintain(october)
	_, position := b.Position()
	closed := int(position)
	b.mustRecord("A 2026-10-15T12:00 2")
	b.mustRecord("A 2026-11-02T00:00 4")
	b.close()
	batches := b.batchesOf()
	f := b.follow(t, batches, closed, closed)
	b.fs = faulttest.Watch(b.fs, func(op errorfs.Op) error {
		if op.Kind == errorfs.OpOpen && strings.Contains(op.Path, "monthly_2026-10") {
			f.apply(len(batches))
		}
		return nil
	})
	f.Reader = query.New(f.store, archive.OpenFolderToRead(b.fs, "Archive", b.zone), b.zone, b.options().Now, func() {})
	window := meter.Window{From: b.zone.MonthWindow(october.Month).From, To: b.zone.MonthWindow(october.Month.Add(1)).To}
	c, err := f.Consumption("A", window, vee.None)
	if err != nil || c.Readings != 2 || c.End.Register.String() != "3" {
		t.Errorf("%d readings until %v, %v; want the 2 of the beginning", c.Readings, c.End, err)
	}
	f.store, f.applied = store.New(), 0
	f.apply(closed)
	f.Reader = query.New(f.store, archive.OpenFolderToRead(b.fs, "Archive", b.zone), b.zone, b.options().Now, func() {})
	if g, err := f.Gaps("A", window); err != nil || g.Readings != 2 {
		t.Errorf("gaps between %d readings, %v; want the 2 of the beginning", g.Readings, err)
	}
}

func TestWithoutTheOrderAnArchiveThatDoesNotFitIsNotCalledChanged(t *testing.T) {
	b, batches, first, intended := closedTwice(t)
	unsure := 0
	for n := first; n < len(batches); n++ {
		f := b.follow(t, batches, n, n)
		f.Confirm = func(context.Context) error { return meter.Unavailable(meter.CodeNotReady, time.Second, "no quorum") }
		for _, id := range []meter.ID{"A", "B", "C", "D"} {
			_, err := f.october(b, id)
			if got := code(t, err); got != "" && got != meter.CodeNotReady || got != "" && n >= intended {
				t.Errorf("after %d batches: %v", n, err)
			} else if got != "" {
				unsure++
			}
		}
		if _, err := f.export(b); code(t, err) != meter.CodeNotReady && n < intended || err != nil && n >= intended {
			t.Errorf("after %d batches an export says %v", n, err)
		}
	}
	if unsure == 0 {
		t.Error("nobody was unsure")
	}
}

// TestALateReadingIsNotJudgedBesideAnArchiveOfTheFuture asks for the rows as the ledger does: it has no
// second look.
func TestALateReadingIsNotJudgedBesideAnArchiveOfTheFuture(t *testing.T) {
	b, batches, first, intended := closedTwice(t)
	f := b.follow(t, batches, first, intended)
	a, _ := f.store.Lookup("A")
	month, _ := f.store.SummaryAt(a.Index, b.zone.MonthWindow(october.Month).From)
	folder := archive.OpenFolderToRead(b.fs, "Archive", b.zone)
	if rows, err := query.Archived(f.store, folder, f.Confirm, a, month); code(t, err) != meter.CodeNotReady || f.asked != 1 {
		t.Errorf("rows %v, %v", rows, err)
	}
}

func TestAnArchiveThatSomebodyChangedIsCalledSoOnceTheStateIsConfirmed(t *testing.T) {
	b, batches, _, _ := closedTwice(t)
	text := b.text("Archive/monthly_2026-10.csv")
	b.put("monthly_2026-10.csv", strings.Replace(text, "A,2026-10-01T00:00:00,1\n", "A,2026-10-01T00:00:00,0\n", 1))
	f := b.follow(t, batches, len(batches), len(batches))
	if _, err := f.october(b, "A"); code(t, err) != meter.CodeArchiveConflict || f.asked != 1 {
		t.Errorf("after %d questions to the order: %v", f.asked, err)
	}
	if _, err := f.export(b); code(t, err) != meter.CodeArchiveConflict || f.asked != 2 {
		t.Errorf("after %d questions to the order an export says %v", f.asked, err)
	}
	if _, err := f.october(b, "C"); err != nil {
		t.Error(err)
	}
}
