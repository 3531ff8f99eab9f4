package node_test

import (
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/clustertest"
	"meterledger/internal/meter"
	"meterledger/internal/node"
)

// wantBackup wants a backup to be whole.
func (x *seat) wantBackup(name string) {
	x.t.Helper()
	if out := x.verifyBackup(name); !strings.Contains(out, "monthly_2026-10.csv") {
		x.t.Errorf("the backup %s of %s lacks an archive:\n%s", name, x.name, out)
	}
}

// verifyBackup wants a backup to be good, and returns what it holds.
func (x *seat) verifyBackup(name string) string {
	x.t.Helper()
	var out strings.Builder
	err := node.Verify(x.t.Context(), node.Options{
		FS: x.fs, DataDir: "backup/" + name + "/data", ArchiveDir: "backup/" + name + "/Archive", Zone: x.zone, Log: slog.New(slog.DiscardHandler),
	}, io.Writer(&out))
	if err != nil {
		x.t.Errorf("the backup %s of %s: %v\n%s", name, x.name, err, &out)
	}
	return out.String()
}

func TestAnyNodeBacksItsOwnDataFolderUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSeats(t, func(errorfs.Op) error { return nil })
		defer s.end()
		s.a.register("A", "B", "C")
		s.a.recordRows(sceneRows)
		s.a.mustMaintain(october)
		for _, x := range []*seat{s.b, s.a} {
			if _, err := x.Backup("one"); err != nil {
				t.Fatalf("%s: %v", x.name, err)
			}
			x.wantBackup("one")
		}
	})
}

// TestABackupHasWhatWasAnsweredBeforeItWasCopied: a node of several answers what the engine has, and copies it once there is
// room on its disk.
func TestABackupHasWhatWasAnsweredBeforeItWasCopied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSeats(t, func(errorfs.Op) error { return nil })
		defer s.end()
		s.b.close()
		disk := &limitedDisk{FS: s.b.fs}
		disk.free.Store(1 << 30)
		s.b.fs, s.b.diskFreeMin = disk, 1000
		s.b.sit()
		disk.free.Store(1)
		s.a.register("A")
		for known := false; !known; time.Sleep(time.Millisecond) { // of the bubble
			_, known = s.b.Store().Lookup("A")
		}
		if _, err := s.b.Backup("full"); meter.CodeOf(err) != meter.CodeDiskFull {
			t.Errorf("without room: %v", err)
		}
		disk.free.Store(1 << 30)
		if _, err := s.b.Backup("one"); err != nil {
			t.Fatal(err)
		}
		if out := s.b.verifyBackup("one"); !strings.Contains(out, "1 meters") {
			t.Errorf("the backup lacks what was answered:\n%s", out)
		}
	})
}

// TestABackupBesideARunOfAnotherNodeIsGivenUp: the run archives October while the first node, which does not lead any more, copies
// the archives.
func TestABackupBesideARunOfAnotherNodeIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *seats
		var once sync.Once
		armed := false
		s = newSeats(t, func(op errorfs.Op) error {
			if armed && strings.Contains(op.Path, "monthly_2026-10.csv") {
				once.Do(func() { s.b.mustMaintain(october) })
			}
			return nil
		})
		defer s.end()
		s.a.register("A", "B", "C")
		s.a.recordRows(sceneRows)
		s.a.mustMaintain(october)
		s.part(clustertest.Drops)
		s.leads(s.b)
		s.part(clustertest.Whole)
		s.b.recordRows(sceneLateRows)
		armed = true
		if _, err := s.a.Backup("one"); meter.CodeOf(err) != meter.CodeMaintenanceRunning {
			t.Errorf("the backup is made: %v", err)
		}
		if names, err := s.a.fs.List("backup"); err != nil || len(names) > 0 {
			t.Errorf("it leaves %q, %v", names, err)
		}
		if _, err := s.a.Backup("one"); err != nil {
			t.Fatal(err)
		}
		s.a.wantBackup("one")
	})
}
