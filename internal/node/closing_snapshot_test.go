package node_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

func TestAMonthIsClosedWhenNoSnapshotIsBeingWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goOn, armed := make(chan struct{}), atomic.Bool{}
		slow := errorfs.Wrap(vfs.NewCrashableMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind == errorfs.OpFileWrite && strings.HasSuffix(op.Path, ".snapshot.tmp") && armed.CompareAndSwap(true, false) {
				<-goOn
			}
			return nil
		}))
		b := &bench{t: t, fs: slow, zone: loadZone(t, "Europe/London"), now: now}
		b.open()
		b.register("A")
		b.recordRows([]string{"A 2026-10-01T00:00 1", "A 2026-11-01T00:00 2"})
		armed.Store(true)
		taken := make(chan error)
		go func() { taken <- b.Snapshot(context.Background()) }()
		synctest.Wait()
		run, err := b.Start(october)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		select {
		case <-run.Done():
			t.Error("the month was closed meanwhile")
		default:
		}
		b.recordRows([]string{"A 2026-11-01T00:30 3"})
		close(goOn)
		if err := <-taken; err != nil {
			t.Error(err)
		}
		if <-run.Done(); run.Err != nil {
			t.Error(run.Err)
		}
		b.close()
	})
}
