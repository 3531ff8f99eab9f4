package ledger_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/ledger"
	"meterledger/internal/meter"
)

// TestDataFoldersOfOlderFormatsOpen opens what older versions of the program wrote;
// testdata/README.md says how.
func TestDataFoldersOfOlderFormatsOpen(t *testing.T) {
	folders, err := filepath.Glob("testdata/format*")
	if today := fmt.Sprintf("testdata/format%d", ledger.FormatVersion); err != nil || !slices.Contains(folders, today) {
		t.Fatalf("the folders to open are %q, without %s: %v", folders, today, err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			b := &bench{t: t, fs: vfs.NewCrashableMem(), zone: loadZone(t, "Asia/Singapore"), now: now}
			for _, part := range []string{"data", "Archive"} {
				if _, err := vfs.Clone(vfs.Default, b.fs, filepath.Join(folder, part), part, vfs.CloneSync); err != nil {
					t.Fatal(err)
				}
			}
			b.open()
			b.wantOldContent()
			b.restart()
			b.wantOldContent()
			b.goOnFromOldContent()
			b.close()
		})
	}
}

func (b *bench) wantOldContent() {
	b.t.Helper()
	if b.Receiving() {
		b.t.Error("reception is on")
	}
	got := b.points("A-1", "B.2", "c_3", "D")
	want := []string{
		"A-1 2026-09-30T23:30:00 100.25", "A-1 2026-10-01T00:00:00 100.5", "A-1 2026-10-15T12:00:00 150",
		"A-1 2026-10-20T12:00:00 170.75", "A-1 2026-10-31T23:30:00 200.125", "A-1 2026-11-01T00:00:00 200.5",
		"A-1 2026-11-05T00:00:00 210",
		"B.2 2026-10-10T10:00:00 999999999.123456789", "B.2 2026-10-10T10:30:00 999999999.12345679",
		"B.2 2026-11-03T00:00:00 999999999.2", "c_3 2026-11-02T08:00:00 0", "c_3 2026-11-02T08:30:00 0.003",
	}
	if !slices.Equal(got, want) {
		b.t.Errorf("readings\n got %q\nwant %q", got, want)
	}
	account, err := b.Account("D")
	if err != nil || account.OwnerName != "Late" || account.Address != "2 Orchard Road" {
		b.t.Errorf("account %+v, %v", account, err)
	}
	bill, err := b.Bill("A-1", meter.Month{Year: 2026, Month: 10})
	if err != nil || bill.Start.Register.String() != "100.5" || bill.End.Register.String() != "200.5" {
		b.t.Errorf("bill %+v, %v", bill, err)
	}
	var archives []string
	for _, a := range b.MaintenanceStatus().Archives {
		archives = append(archives, fmt.Sprint(a.Period, " ", a.Rows))
	}
	if want := []string{"2026-11-01 1", "2026-10 5"}; !slices.Equal(archives, want) {
		b.t.Errorf("archives %q, want %q", archives, want)
	}
}

// goOnFromOldContent takes readings and the late one to the archive.
func (b *bench) goOnFromOldContent() {
	b.t.Helper()
	if err := b.Resume(context.Background()); err != nil {
		b.t.Fatal(err)
	}
	if code := b.record("c_3", "2026-11-02T09:00", "0.004"); code != "" {
		b.t.Errorf("a reading: %s", code)
	}
	run := b.maintain(ledger.MaintenanceRequest{Kind: ledger.Monthly, Month: meter.Month{Year: 2026, Month: 10}})
	if run.Err != nil || len(run.Archives) == 0 || run.Archives[0].Rows != 6 {
		b.t.Errorf("archiving with the late reading: %+v, %v", run.Archives, run.Err)
	}
}

// points returns every reading of some meters, in memory or archived.
func (b *bench) points(ids ...meter.ID) (points []string) {
	b.t.Helper()
	first, last := b.reading("x", "2026-09-01T00:00", "0").Slot, b.reading("x", "2026-11-23T00:00", "0").Slot
	for _, id := range ids {
		for _, p := range b.readings(b.t, id, meter.Window{From: first, To: last}) {
			points = append(points, fmt.Sprint(id, " ", b.zone.Stamp(p.Slot), " ", p.Register))
		}
	}
	return points
}
