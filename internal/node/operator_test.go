package node_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/faulttest"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/node"
)

func TestTheFirstOperatorsTokenIsUsedAgainUntilItIsSpent(t *testing.T) {
	tokens := testTokens()
	path := "data/" + ledger.OperatorTokenName
	for what, c := range map[string]struct {
		before    string // in the file
		isRevoked bool
		want      string
	}{
		"no file":                              {"", false, "token operator 1"},
		"a token that nobody has issued":       {"token mine\n", false, "token mine"},
		"no token":                             {"what is this", false, "token operator 1"},
		"far too much":                         {strings.Repeat("token", ledger.OperatorTokenMax), false, "token operator 1"},
		"a token that was issued, and revoked": {"token mine", true, "token operator 1"},
	} {
		tokens = testTokens()
		b := newBench(t, "Asia/Singapore")
		if c.before != "" {
			if err := faulttest.Put(b.fs, path, []byte(c.before)); err != nil {
				t.Fatal(err)
			}
		}
		if c.isRevoked {
			b.issue(named("token mine", meter.RoleAuditor))
			if err := b.Revoke(t.Context(), named("token mine", 1).ID, ""); err != nil {
				t.Fatal(err)
			}
		}
		file, err := b.FirstOperator(t.Context(), tokens)
		if err != nil || file != path {
			t.Errorf("%s: %q, %v", what, file, err)
		}
		sum, _ := tokens.Sum(c.want)
		if got := strings.TrimSpace(b.text(path)); got != c.want {
			t.Errorf("%s: the file holds %q, want %q", what, got, c.want)
		}
		if found, known := b.Store().Credential(sum); !known || found.Role != meter.RoleOperator || !found.IsLive(b.now) {
			t.Errorf("%s: it is the token of %+v", what, found)
		}
		b.restart()
		if file, err := b.FirstOperator(t.Context(), tokens); err != nil || file != "" {
			t.Errorf("%s: once more: %q, %v", what, file, err)
		}
		b.close()
	}
}

// TestOnAFullDiskTheFirstOperatorWaitsForTheNextStart writes the token, the credential or neither.
func TestOnAFullDiskTheFirstOperatorWaitsForTheNextStart(t *testing.T) {
	for _, what := range []string{"the token", "the credential"} {
		var isFull atomic.Bool
		disk := &limitedDisk{FS: vfs.NewMem()}
		disk.free.Store(1 << 40)
		b := &bench{t: t, zone: loadZone(t, "Asia/Singapore"), now: now, diskFreeMin: 10_000}
		b.fs = faulttest.Watch(disk, func(op errorfs.Op) error {
			if isFull.Load() && strings.Contains(op.Path, ledger.OperatorTokenName) && faulttest.Changes(op) {
				return syscall.ENOSPC
			}
			return nil
		})
		b.open()
		if what == "the token" {
			isFull.Store(true)
		} else {
			disk.free.Store(1000)
		}
		tokens := testTokens()
		if _, err := b.FirstOperator(t.Context(), tokens); code(t, err) != meter.CodeDiskFull || b.Store().HasOperator(now) {
			t.Errorf("%s: %v", what, err)
		}
		isFull.Store(false)
		disk.free.Store(1 << 40)
		b.restart()
		if err := b.wantWayIn(tokens); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		b.close()
	}
}

// TestTheFirstOperatorsTokenIsForTheUserOfTheProgramAlone looks at the file on the machine's disk. A
// backup has none, not even for a moment.
func TestTheFirstOperatorsTokenIsForTheUserOfTheProgramAlone(t *testing.T) {
	home := t.TempDir()
	b := &bench{t: t, fs: vfs.Default, zone: loadZone(t, "Asia/Singapore"), now: now}
	o := b.options()
	o.DataDir, o.ArchiveDir, o.BackupDir = filepath.Join(home, "data"), filepath.Join(home, "Archive"), filepath.Join(home, "backup")
	n, err := node.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	file, err := n.FirstOperator(t.Context(), testTokens())
	if err != nil {
		t.Fatal(err)
	}
	if found, err := os.Stat(file); err != nil || found.Mode() != 0o600 {
		t.Errorf("%s: %v, %v", file, found, err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	o.FS = faulttest.Watch(vfs.Default, func(op errorfs.Op) error {
		if filepath.Base(op.Path) == ledger.OperatorTokenName && faulttest.Changes(op) {
			t.Errorf("a backup does this to the token: %s %s", faulttest.Name(op), op.Path)
		}
		return nil
	})
	if n, err = node.Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	backup, err := n.Backup("one")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(backup, "data", ledger.OperatorTokenName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the backup has the token: %v", err)
	}
	if copied := openBackup(t, b, vfs.Default, backup); !copied.Store().HasOperator(now) {
		t.Error("the backup has no operator")
	} else if err := copied.Close(); err != nil {
		t.Error(err)
	}
}

func TestVerifyTellsWhatTheFirstOperatorsTokenIsWorth(t *testing.T) {
	b := newCrashableBench(t)
	b.register("A")
	b.issue(named("operator", meter.RoleOperator))
	b.issue(named("home", meter.RoleHousehold, "A"))
	if err := b.Revoke(t.Context(), named("home", 1).ID, ""); err != nil {
		t.Fatal(err)
	}
	b.close()
	for text, want := range map[string]string{
		"operator\n": "good     operator.token: the token of credential " + named("operator", 1).ID,
		"home":       "note     operator.token: credential " + named("home", 1).ID + " was revoked",
		"a secret":   "note     operator.token: it is the token of no credential; *",
		strings.Repeat("x", ledger.OperatorTokenMax+1): "DAMAGED  operator.token: *longer than*",
	} {
		if err := faulttest.Put(b.fs, "data/"+ledger.OperatorTokenName, []byte(text)); err != nil {
			t.Fatal(err)
		}
		lines, err := b.verify()
		if (err != nil) != strings.HasPrefix(want, "DAMAGED") {
			t.Errorf("%q: %v", want, err)
		}
		wantLines(t, lines, "state    2 credentials, 1 of them revoked", want)
		if strings.Contains(strings.Join(lines, "\n"), text) && text != "operator\n" && text != "home" {
			t.Errorf("it tells the token %q", text)
		}
	}
}
