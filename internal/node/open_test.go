package node_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/closing"
	"meterledger/internal/durable"
	"meterledger/internal/faulttest"
	"meterledger/internal/journal"
	"meterledger/internal/ledger"
	"meterledger/internal/node"
)

// mustNotOpen wants an error that says what to do.
func (b *bench) mustNotOpen(change func(*node.Options), parts ...string) {
	b.t.Helper()
	o := b.options()
	change(&o)
	l, err := node.Open(context.Background(), o)
	if err == nil {
		b.t.Fatal("it was opened", errors.Join(l.Close()))
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			b.t.Errorf("the error %q does not say %q", err, part)
		}
	}
}

func TestSecondLedgerOnTheSameFoldersIsRefusedAndToldOfTheFirst(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	defer b.close()
	b.mustNotOpen(func(*node.Options) {}, "data is in use by a test", "-data-dir")
	b.mustNotOpen(func(o *node.Options) { o.DataDir = "other" }, "Archive is in use by a test", "-archive-dir")
}

func TestFolderOfAnotherTimeZoneIsRefused(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	b.close()
	b.mustNotOpen(func(o *node.Options) { o.Zone = loadZone(t, "Europe/London") }, "Asia/Singapore", "Europe/London")
	b.open()
	b.close()
}

func TestFolderThatHasLostItsJournalIsRefused(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	b.register("A")
	b.close()
	if err := b.fs.RemoveAll("data/journal"); err != nil {
		t.Fatal(err)
	}
	b.mustNotOpen(func(*node.Options) {}, "has lost its journal")
}

func TestFolderThatHasLostItsSignatureIsRefused(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	b.register("A")
	b.close()
	if err := b.fs.Remove("data/FORMAT"); err != nil {
		t.Fatal(err)
	}
	b.mustNotOpen(func(*node.Options) {}, "has lost its file FORMAT")
}

func TestLastRunsAreKnownAfterARestart(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	defer func() { b.close() }()
	b.register("A")
	b.record("A", "2026-11-22T10:00", "5")
	before := b.maintain(closing.Request{
		Kind: closing.Both, Day: b.zone.Today(now).AddDays(-1), Month: b.zone.Today(now).CalendarMonth().Add(-1),
	})
	b.restart()
	last := b.Status().Last
	daily, monthly := last[closing.Daily], last[closing.Monthly]
	if daily == nil || monthly == nil || daily.Archives[0] != before.Archives[0] || monthly.Archives[0] != before.Archives[1] {
		t.Fatalf("after a restart the last runs are %+v and %+v", daily, monthly)
	}
	if daily.Err != nil || daily.Subject != "2026-11-22" || daily.FinishedAt.Unix() != now.Unix() {
		t.Errorf("the last daily run is %+v", daily)
	}
}

func TestAFolderOfANewerFormatIsSaidToBeWrittenByANewerVersion(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	b.close()
	content := fmt.Sprintf(`{"version":%d,"timezone":"Asia/Singapore","new":{}}`, ledger.FormatVersion+1)
	if err := durable.WriteFile(b.fs, "data/FORMAT", func(w io.Writer) error {
		_, err := io.WriteString(w, content)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	b.mustNotOpen(func(*node.Options) {}, "data was written by a newer version", "start the newer version")
}

// TestFolderOfANewerVersionIsNotCalledDamaged has a newer version write an entry of a kind
// that this one does not know.
func TestFolderOfANewerVersionIsNotCalledDamaged(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	b.register("A")
	b.close()
	j, err := journal.Open(b.fs, "data/journal", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append([]byte{99}); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	b.mustNotOpen(func(*node.Options) {}, "kind 99 is not known to this version", "start the newer version")
	_, err = node.Open(t.Context(), b.options())
	if err == nil || strings.Contains(err.Error(), "damaged") || strings.Contains(err.Error(), "put back") {
		t.Errorf("the error is %v", err)
	}
}

// TestAStartReadsNoSnapshotAnyMoreOnceItHasEnded has the reading last for longer than the journal needs to be opened or refused.
func TestAStartReadsNoSnapshotAnyMoreOnceItHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "Asia/Singapore")
		b.register("A")
		b.close()
		var began, ended int
		b.loading = func() func() {
			began++
			time.Sleep(time.Minute)
			return func() { ended++ }
		}
		b.open()
		b.close()
		if err := faulttest.Garble(b.fs.(*vfs.MemFS), "data/journal/JOURNAL", 3, 0xff); err != nil {
			t.Fatal(err)
		}
		b.mustNotOpen(func(*node.Options) {}, "JOURNAL")
		if began != 2 || ended != 2 {
			t.Errorf("the reading began %d times and had ended %d times", began, ended)
		}
	})
}
