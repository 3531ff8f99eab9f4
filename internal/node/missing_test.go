package node_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/closing"
	"meterledger/internal/meter"
	"meterledger/internal/node"
)

// unmounts takes all files of the archive folder away, and returns how they come back.
func (b *bench) unmounts(keep string) (mount func()) {
	b.t.Helper()
	names, err := b.fs.List("Archive")
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.fs.MkdirAll("elsewhere", 0o755); err != nil {
		b.t.Fatal(err)
	}
	move := func(from, to string) {
		for _, name := range names {
			if name == keep || name == "LOCK" || name == "HOLDER" {
				continue
			}
			if err := b.fs.Rename(from+"/"+name, to+"/"+name); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	move("Archive", "elsewhere")
	return func() { move("elsewhere", "Archive") }
}

func daily(day int) closing.Request {
	return closing.Request{Kind: closing.Daily, Day: meter.Day{Year: 2026, Month: time.November, Day: day}}
}

func TestNothingIsArchivedWhileAllArchivesAreMissing(t *testing.T) {
	b := lived(t)
	defer func() { b.close() }()
	points := b.points("A", "B", "C")
	mount := b.unmounts("")
	b.close()
	var log strings.Builder
	o := b.options()
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	var err error
	if b.Node, err = node.Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"archives that were written are missing", "missing=7 known=7", "first=daily_2026-10-09.csv", "last=monthly_2026-10.csv"} {
		if strings.Count(log.String(), part) != 1 {
			t.Errorf("the log does not say %q once:\n%s", part, log.String())
		}
	}
	for _, q := range []closing.Request{daily(5), october, {Kind: closing.Daily, Day: daily(5).Day, DryRun: true}} {
		if run := b.maintain(q); code(t, run.Err) != meter.CodeArchiveUnavailable {
			t.Errorf("a run beside nothing: %v", run.Err)
		}
	}
	b.wantOctober(meter.CodeArchiveUnavailable)
	if names, err := b.fs.List("Archive"); err != nil || len(names) > 2 {
		t.Errorf("beneath the mount lie %q, %v", names, err)
	}
	if code := b.record("A", "2026-11-05T00:00", "7"); code != "" {
		t.Errorf("a reading of an open month: %q", code)
	}
	mount()
	b.mustMaintain(daily(5))
	b.mustMaintain(october)
	want := append(points, "A 2026-11-05T00:00:00 7")
	for _, row := range b.points("A", "B", "C") {
		if !contains(want, row) {
			t.Errorf("%s came from nowhere", row)
		}
	}
}

// oldList is a file system that lists the archive folder as it was, as one of a network may for a while.
type oldList struct{ vfs.FS }

func (o oldList) List(folder string) ([]string, error) {
	if folder == "Archive" {
		return nil, nil
	}
	return o.FS.List(folder)
}

func TestAnOldListOfTheFolderKeepsNobodyFromArchiving(t *testing.T) {
	b := lived(t)
	defer func() { b.close() }()
	b.close()
	b.fs = oldList{b.fs}
	b.open()
	b.mustMaintain(daily(5))
	b.mustMaintain(october)
}

func contains(all []string, one string) bool { return strings.Contains(strings.Join(all, "\n"), one) }

func TestALostDayIsWrittenAgainFromMemoryAndItsMonth(t *testing.T) {
	b := lived(t)
	defer func() { b.close() }()
	was := map[string]string{}
	days := []closing.Request{daily(1), daily(3), {Kind: closing.Daily, Day: meter.Day{Year: 2026, Month: time.October, Day: 9}}, {Kind: closing.Daily, Day: meter.Day{Year: 2026, Month: time.October, Day: 31}}}
	for _, q := range days {
		path := "Archive/daily_" + q.Day.Period().String() + ".csv"
		was[path] = b.text(path)
		if err := b.fs.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range days {
		b.mustMaintain(q)
	}
	for path, text := range was {
		if got := b.text(path); got != text {
			t.Errorf("%s\n got %q\nwant %q", path, got, text)
		}
	}
}

func TestArchivesThatAreLostAreGivenUpByTheOperatorsWord(t *testing.T) {
	b := lived(t)
	defer func() { b.close() }()
	b.unmounts("")
	lost := daily(3)
	lost.Lost = true
	b.mustMaintain(lost)
	b.mustMaintain(daily(1)) // one is there again
	b.wantOctober(meter.CodeArchiveUnavailable)
}

func TestADayOfAMissingMonthIsNotWrittenWithLess(t *testing.T) {
	b := lived(t)
	defer func() { b.close() }()
	b.unmounts("daily_2026-11-01.csv")
	if run := b.maintain(closing.Request{Kind: closing.Daily, Day: meter.Day{Year: 2026, Month: time.October, Day: 9}}); code(t, run.Err) != meter.CodeArchiveUnavailable {
		t.Errorf("the run says %v", run.Err)
	}
	if _, err := b.fs.Stat("Archive/daily_2026-10-09.csv"); err == nil {
		t.Error("the day was written")
	}
}

func TestAccountsComeBackFromBesideTheArchives(t *testing.T) {
	b := newCrashableBench(t)
	defer func() { b.close() }()
	if err := b.Register(t.Context(), "B", `Tan "Ah", Kow`, " 1 Road "); err != nil {
		t.Fatal(err)
	}
	b.register("A")
	b.mustMaintain(daily(3))
	text := b.text("Archive/accounts.csv")
	if want := "owner_name,address,meter_id\n\"Tan \"\"Ah\"\", Kow\",\" 1 Road \",B\nOwner of A,1 Road,A\n"; text != want {
		t.Errorf("accounts.csv is %q", text)
	}
	if b.text("Archive/accounts.json") == "" {
		t.Error("it has no manifest")
	}
	b.loses("Z")
	b.mustMaintain(daily(4)) // before anybody restores
	if got, want := b.text("Archive/accounts.csv"), strings.Replace(text, "\n\"Tan", "\nOwner of Z,1 Road,Z\n\"Tan", 1); got != want {
		t.Errorf("a run beside an empty ledger wrote %q", got)
	}
	if restored := b.restores(); restored.Accounts != 2 || restored.Refused != 0 || len(restored.Unverified) != 0 {
		t.Errorf("restored %+v", restored)
	}
	b.kill()
	for id, want := range map[meter.ID]string{"A": "Owner of A|1 Road", "B": `Tan "Ah", Kow| 1 Road `, "Z": "Owner of Z|1 Road"} {
		if account, err := b.Account(id); err != nil || account.OwnerName+"|"+account.Address != want {
			t.Errorf("%s is %+v, %v", id, account, err)
		}
	}
	b.put("accounts.csv", "owner_name,address,meter_id", "Owner of D,1 Road,D", "half of a row")
	if run := b.maintain(daily(4)); code(t, run.Err) != meter.CodeArchiveConflict || !strings.Contains(run.Err.Error(), "row 2") {
		t.Errorf("over a row that cannot be kept: %v", run.Err)
	}
	if restored := b.restores(); restored.Accounts != 1 || restored.Refused != 1 || len(restored.Unverified) != 1 {
		t.Errorf("restored %+v", restored)
	}
}

func TestOnlyTheProgramsUserReadsTheAccounts(t *testing.T) {
	b := newDiskBench(t)
	defer func() { b.close() }()
	b.register("A")
	b.mustMaintain(daily(3))
	stat, err := vfs.Default.Stat("Archive/accounts.csv")
	if err != nil || stat.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", stat.Mode(), err)
	}
}
