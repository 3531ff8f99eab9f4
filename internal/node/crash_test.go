package node_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/faulttest"
	"meterledger/internal/node"
)

// operationsMin is how many file-system operations the proof must at least crash at.
const operationsMin = 2000

// crash is what a life was cut off with.
type crash struct {
	disk *vfs.MemFS
	at   moment
	name string
}

// crashes goes through a life and cuts it off at every so many changes of the disk,
// with nothing kept of what was not synced, with some of it, and with all.
func crashes(c *life, disk *vfs.MemFS, steps []step, every int, crashed func(crash)) (operations int) {
	var count atomic.Int64
	c.fs = faulttest.Watch(disk, func(op errorfs.Op) error {
		if !faulttest.Changes(op) {
			return nil
		}
		n := int(count.Add(1))
		if n%every != 0 {
			return nil
		}
		for i, percent := range []int{0, []int{20, 50, 80, 100}[n/every%4]} {
			cut := crash{name: fmt.Sprintf("operation %d, %s of %s, %d %% kept of what was not synced", n, faulttest.Name(op), op.Path, percent)}
			cut.at = c.moment(func() { cut.disk = faulttest.Torn(disk, percent, uint64(2*n+i)) })
			crashed(cut)
		}
		return nil
	})
	c.run(steps)
	return int(count.Load())
}

func TestNothingAcknowledgedIsLostWhereverTheLedgerIsCutOff(t *testing.T) {
	zone := loadZone(t, "Asia/Singapore")
	disk := vfs.NewCrashableMem()
	c := &life{zone: zone, snapshotBytes: 4 << 10}
	waiting := make(chan crash)
	var group sync.WaitGroup
	var points, repeated atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for cut := range waiting {
				again, err := c.comesBack(cut)
				if err != nil {
					t.Errorf("%s: %v", cut.name, err)
				}
				points.Add(1)
				repeated.Add(int64(again))
			}
		})
	}
	operations := crashes(c, disk, plan(3, 4, 16), faulttest.Every(25), func(cut crash) {
		if !t.Failed() {
			waiting <- cut
		}
	})
	if c.node != nil {
		c.close()
	}
	close(waiting)
	group.Wait()
	for _, err := range c.errs {
		t.Errorf("without any fault: %v", err)
	}
	last := c.moment(func() {})
	t.Logf("%d operations that change the disk, %d crashes, %d runs repeated, %d of %d requests answered: 0 acknowledged lost",
		operations, points.Load(), repeated.Load(), last.answers, last.sent)
	if operations < operationsMin {
		t.Errorf("the life has only %d operations, want %d", operations, operationsMin)
	}
	if want := int64(2 * operations / faulttest.Every(25)); points.Load() < want {
		t.Errorf("only %d crashes were looked at, want %d", points.Load(), want)
	}
}

// comesBack opens what a crash left and holds it against the witness; then it has
// the ledger go on, and crash and come back once more.
func (c *life) comesBack(cut crash) (repeated int, err error) {
	e := c.at(cut.at)
	repeated = len(e.unfinished)
	l, err := node.Open(context.Background(), optionsOn(cut.disk, c.zone))
	if err != nil {
		return repeated, fmt.Errorf("it does not open: %w", err)
	}
	if err := e.check(l, cut.disk); err != nil {
		return repeated, err
	}
	if err := e.goOn(l, cut.disk, c.zone); err != nil {
		return repeated, fmt.Errorf("going on: %w", err)
	}
	again := faulttest.PowerCut(cut.disk)
	if err := l.Close(); err != nil {
		return repeated, err
	}
	if l, err = node.Open(context.Background(), optionsOn(again, c.zone)); err != nil {
		return repeated, fmt.Errorf("it does not open after a second crash: %w", err)
	}
	if err := e.check(l, again); err != nil {
		return repeated, fmt.Errorf("after a second crash: %w", err)
	}
	return repeated, l.Close()
}
