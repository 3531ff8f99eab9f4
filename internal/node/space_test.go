package node_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/closing"
	"meterledger/internal/meter"
)

// limitedDisk says how much space it has.
type limitedDisk struct {
	vfs.FS
	free atomic.Uint64
}

func (d *limitedDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: d.free.Load()}, nil
}

func TestOnANearlyFullDiskQueriesGoOnAndReceptionComesBackByItself(t *testing.T) {
	disk := &limitedDisk{FS: vfs.NewMem()}
	disk.free.Store(2000)
	b := &bench{t: t, fs: disk, zone: loadZone(t, "Asia/Singapore"), now: now, diskFreeMin: 1000}
	b.open()
	defer b.close()
	b.register("A")
	b.live("A", "2026-11-20T00:00", 0, 5)
	if err := b.Ready(); err != nil {
		t.Errorf("not ready: %v", err)
	}

	disk.free.Store(999) // and nobody has sent anything yet
	if err := b.Ready(); meter.ReasonOf(err) != meter.ReasonDiskFull {
		t.Errorf("on a full disk it is ready: %v", err)
	}

	disk.free.Store(1010) // less than a reading above the minimum
	if code := b.record("A", "2026-11-21T00:00", "100"); code != meter.CodeDiskFull {
		t.Errorf("a reading was answered %q", code)
	}
	disk.free.Store(999)
	refused := func(what string, err error) {
		t.Helper()
		var known *meter.Error
		if !errors.As(err, &known) || known.Code != meter.CodeDiskFull || known.RetryAfter == 0 {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("registration", b.Register(context.Background(), "B", "Tan", "Road"))
	results, err := b.RecordMany(context.Background(), []meter.Reading{b.reading("A", "2026-11-21T00:00", "100")})
	if refused("many readings", err); len(results) > 0 {
		t.Errorf("results %v", results)
	}
	refused("ready", b.Ready())
	b.wantReadings("A", "2026-11-20T00:00", 5)
	if err := b.Snapshot(context.Background()); err == nil {
		t.Error("a snapshot was taken")
	}
	refused("archiving", b.maintain(closing.Request{Kind: closing.Daily, Day: b.zone.Today(now).AddDays(-3)}).Err)

	disk.free.Store(2000)
	if code := b.record("A", "2026-11-21T00:00", "100"); code != "" {
		t.Errorf("with space again a reading was answered %q", code)
	}
}
