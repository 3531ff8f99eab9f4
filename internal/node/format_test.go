package node_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/billing"
	"meterledger/internal/closing"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/store"
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
			archives := []string{"2026-11-01 1", "2026-10 5"}
			if folder == "testdata/format9" {
				archives = []string{"2026-11-01 1", "2026-09 1", "2026-10 6"}
			}
			b := oldFolder(t, folder)
			b.open()
			b.wantOldContent(archives)
			b.restart()
			b.wantOldContent(archives)
			b.goOnFromOldContent()
			b.close()
		})
	}
}

// oldFolder copies a folder of testdata.
func oldFolder(t *testing.T, folder string) *bench {
	b := &bench{t: t, fs: vfs.NewCrashableMem(), zone: loadZone(t, "Asia/Singapore"), now: now}
	for _, part := range []string{"data", "Archive"} {
		if _, err := vfs.Clone(vfs.Default, b.fs, filepath.Join(folder, part), part, vfs.CloneSync); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func (b *bench) wantOldContent(wantArchives []string) {
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
	for _, a := range b.Status().Archives {
		archives = append(archives, fmt.Sprint(a.Period, " ", a.Rows))
	}
	if !slices.Equal(archives, wantArchives) {
		b.t.Errorf("archives %q, want %q", archives, wantArchives)
	}
}

// goOnFromOldContent takes readings and the late one to the archive.
func (b *bench) goOnFromOldContent() {
	b.t.Helper()
	if err := b.ResumeTrusting(context.Background()); err != nil { // it was written later than it is in tests
		b.t.Fatal(err)
	}
	if code := b.record("c_3", "2026-11-02T09:00", "0.004"); code != "" {
		b.t.Errorf("a reading: %s", code)
	}
	run := b.maintain(closing.Request{Kind: closing.Monthly, Month: meter.Month{Year: 2026, Month: 10}})
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

// TestCredentialsAndOwnersOfFormat6Stay reads them from the newest snapshot, and from the journal
// after the one before.
func TestCredentialsAndOwnersOfFormat6Stay(t *testing.T) {
	for _, from := range []string{"the newest snapshot", "the one before"} {
		t.Run(from, func(t *testing.T) {
			b := oldFolder(t, "testdata/format6")
			if from == "the one before" {
				if err := b.fs.Remove("data/snapshots/00000000000000000021.snapshot"); err != nil {
					t.Fatal(err)
				}
			}
			b.open()
			b.wantFacts(
				"operatoraaaaaaaa operator of operator for all, labelled first, by , used 0000-00-00",
				"householdaaaaaaa household of household for [A-1 c_3] from 2026-10-01T00:00:00 until 2026-10-31T23:59:59, labelled 1 Orchard Road, by first, used 2026-11-26, expires 2036-01-01",
				"meteraaaaaaaaaaa meter of meter for [D], labelled , by first, used 0000-00-00, certificate, revoked",
			)
			for at, want := range map[string]string{"2026-11-25T00:00:00": "Tan B.2 of 1 Orchard Road", "2026-11-27T00:00:00": "New of 2 Orchard Road"} {
				instant, err := b.zone.ParseInstant("at", at)
				m, _ := b.Store().Lookup("B.2")
				if a := b.Store().AccountAt(m.Index, instant); err != nil || a.OwnerName+" of "+a.Address != want {
					t.Errorf("at %s the owner was %+v, want %s", at, a, want)
				}
			}
			b.close()
		})
	}
}

// TestWhatNodesSharedOfFormat7Stays reads the digest of an order that nodes shared, and the last
// witness of it, from the newest snapshot, and from the journal after the one before.
func TestWhatNodesSharedOfFormat7Stays(t *testing.T) {
	for _, from := range []string{"the newest snapshot", "the one before"} {
		t.Run(from, func(t *testing.T) {
			b := oldFolder(t, "testdata/format7")
			if from == "the one before" {
				if err := b.fs.Remove("data/snapshots/00000000000000000025.snapshot"); err != nil {
					t.Fatal(err)
				}
			}
			b.open()
			s := b.Store()
			number, witness := s.Witness()
			if number != 2 || witness != 14932671900834689682 || s.Digest() != 15533036114235469334 || s.Term() != store.Alone {
				t.Errorf("at witness %d the digest was %d, now it is %d in the term %v", number, witness, s.Digest(), s.Term())
			}
			b.close()
		})
	}
}

// TestSomeLimitsOfFormat8Stay reads the limits of a dial, which were set one behind the other, from the newest snapshot,
// and from the journal after the one before.
func TestSomeLimitsOfFormat8Stay(t *testing.T) {
	for _, from := range []string{"the newest snapshot", "the one before"} {
		t.Run(from, func(t *testing.T) {
			b := oldFolder(t, "testdata/format8")
			if from == "the one before" {
				if err := b.fs.Remove("data/snapshots/00000000000000000028.snapshot"); err != nil {
					t.Fatal(err)
				}
			}
			b.open()
			m, _ := b.Store().Lookup("c_3")
			if _, got := b.Store().Life(m.Index); got != (meter.Limits{RollsOverAt: kwh(t, "1000"), MaxKW: meter.Power(kwh(t, "9"))}) {
				t.Errorf("the limits are %+v", got)
			}
			b.close()
		})
	}
}

// TestSumsOfFormat9Stay reads the sums of the archived rows of a meter from the newest snapshot, and from the journal
// after the one before.
func TestSumsOfFormat9Stay(t *testing.T) {
	for _, from := range []string{"the newest snapshot", "the one before"} {
		t.Run(from, func(t *testing.T) {
			b := oldFolder(t, "testdata/format9")
			if from == "the one before" {
				if err := b.fs.Remove("data/snapshots/00000000000000000041.snapshot"); err != nil {
					t.Fatal(err)
				}
			}
			b.open()
			m, _ := b.Store().Lookup("A-1")
			var got []uint32
			for _, month := range b.Store().Months() {
				of, _ := b.Store().SummaryAt(m.Index, month.Window.From)
				got = append(got, of.Sum)
			}
			if !slices.Equal(got, []uint32{2125831871, 1187356809}) {
				t.Errorf("the sums are %d", got)
			}
			b.close()
		})
	}
}

// wantFacts compares all credentials, whose hashes are those of a word.
func (b *bench) wantFacts(want ...string) {
	b.t.Helper()
	words := make(map[[32]byte]string)
	for _, word := range []string{"operator", "household", "meter"} {
		words[sha256.Sum256([]byte(word))] = word
	}
	var got []string
	for c := range b.Store().Credentials(store.CredentialFilter{}) {
		text := fmt.Sprint(c.ID, " ", c.Role, " of ", words[c.SHA256], " for ", c.Scope.Meters)
		if c.Scope.IsAll {
			text = fmt.Sprint(c.ID, " ", c.Role, " of ", words[c.SHA256], " for all")
		}
		if c.Scope.From > 0 {
			text += fmt.Sprint(" from ", b.zone.StampTime(b.zone.TimeOf(c.Scope.From)), " until ", b.zone.StampTime(b.zone.TimeOf(c.Scope.Until)))
		}
		text += fmt.Sprintf(", labelled %s, by %s, used %v", c.Label, c.By, c.LastUse)
		if !c.ExpiresAt.IsZero() {
			text += ", expires " + c.ExpiresAt.UTC().Format(time.DateOnly)
		}
		if c.IsCertificate {
			text += ", certificate"
		}
		if !c.RevokedAt.IsZero() {
			text += ", revoked"
		}
		got = append(got, text)
	}
	if !slices.Equal(got, want) {
		b.t.Errorf("credentials\n got %q\nwant %q", got, want)
	}
}

// TestBillsOfAnOlderFormatComeOutTheSame opens what format 2 left of months that were
// closed again, one of which a run was cut off in closing once more.
func TestBillsOfAnOlderFormatComeOutTheSame(t *testing.T) {
	for _, from := range []string{"the newest snapshot", "the one before"} {
		t.Run(from, func(t *testing.T) {
			b := oldFolder(t, "testdata/history2")
			if from == "the one before" {
				if err := b.fs.Remove("data/snapshots/00000000000000000032.snapshot"); err != nil {
					t.Fatal(err)
				}
			}
			b.open()
			b.wantOldBills()
			b.kill()
			b.wantOldBills()
			if run := b.maintain(october); run.Err != nil {
				t.Error(run.Err)
			}
			b.wantBill("c_3", 10, "5 6 of 2, was 5 5 of 1")
			b.wantBill("A-1", 10, "131 160 of 4, was 131 160 of 3")
			b.wantOldReadings()
			b.close()
		})
	}
}

func (b *bench) wantOldBills() {
	b.t.Helper()
	b.wantBill("A-1", 9, "100 131 of 3")
	b.wantBill("A-1", 10, "131 160 of 3")
	b.wantBill("B.2", 9, "10 11 of 2, was 10 10 of 1")
	b.wantBill("B.2", 10, "11 12 of 1, was 10 12 of 1")
	b.wantBill("c_3", 10, "5 5 of 1")
	b.wantOldReadings()
}

func (b *bench) wantOldReadings() {
	b.t.Helper()
	want := []string{
		"A-1 2026-09-01T00:00:00 100", "A-1 2026-09-15T00:00:00 120.5", "A-1 2026-10-01T00:00:00 131",
		"A-1 2026-10-15T00:00:00 150", "A-1 2026-10-16T00:00:00 151", "A-1 2026-11-01T00:00:00 160",
		"A-1 2026-11-05T00:00:00 170", "A-1 2026-11-06T00:00:00 171",
		"B.2 2026-09-10T10:00:00 10", "B.2 2026-09-25T10:00:00 11", "B.2 2026-10-05T10:00:00 12", "B.2 2026-11-02T10:00:00 13.5",
		"c_3 2026-10-20T10:00:00 5", "c_3 2026-10-25T10:00:00 6",
	}
	if got := b.points("A-1", "B.2", "c_3"); !slices.Equal(got, want) {
		b.t.Errorf("readings\n got %q\nwant %q", got, want)
	}
}

// wantBill compares a bill of 2026 with its two registers, how many readings it has, and
// what it was before.
func (b *bench) wantBill(id meter.ID, month int, want string) {
	b.t.Helper()
	bill, err := b.Bill(id, meter.Month{Year: 2026, Month: time.Month(month)})
	if err != nil {
		b.t.Error(err)
		return
	}
	text := func(f billing.Figures) string {
		return fmt.Sprint(f.Start.Register, " ", f.End.Register, " of ", f.Readings)
	}
	got := text(bill.Figures)
	if bill.Previous != nil {
		got += ", was " + text(*bill.Previous)
	}
	if revised := bill.Revision > 1; got != want || revised != (bill.Previous != nil) || revised == bill.RevisedAt.IsZero() {
		b.t.Errorf("the bill of %s for month %d is %q in revision %d of %v, want %q", id, month, got, bill.Revision, bill.RevisedAt, want)
	}
}
