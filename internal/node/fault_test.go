package node_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/faulttest"
	"meterledger/internal/meter"
)

// sort is a sort of fault.
type sort struct {
	name    string
	err     error
	applies func(errorfs.Op) bool
	lasts   bool // all operations behind it fail too
}

// fault makes the nth operation fail that its sort applies to.
type fault struct {
	sort
	struck func(errorfs.Op) // called at the first failure, before it is told

	mu    sync.Mutex // guards all below
	left  int        // until it strikes
	first *errorfs.Op
	later map[string]int // by path: writes and syncs that were tried after the first failure
}

// strike returns the error of an operation that fails.
func (f *fault) strike(op errorfs.Op) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.first != nil && (faulttest.Syncs(op) || op.Kind == errorfs.OpFileWrite) {
		f.later[op.Path]++
	}
	if !f.applies(op) {
		return nil
	}
	f.left--
	if f.left > 0 || f.left < 0 && !f.lasts {
		return nil
	}
	if f.first == nil {
		f.first = &op
		f.struck(op)
	}
	return f.err
}

// hasStruck returns the operation that failed first, or nil.
func (f *fault) hasStruck() *errorfs.Op {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.first
}

// again is how often a file was written or synced after the first failure.
func (f *fault) again(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.later[path]
}

// sorts are what the proof sweeps.
var sorts = []sort{
	{"one operation fails", syscall.EIO, mayFail, false},
	{"the disk fails", syscall.EIO, mayFail, true},
	{"the disk is full for a moment", syscall.ENOSPC, takesSpace, false},
	{"the disk stays full", syscall.ENOSPC, takesSpace, true},
}

func mayFail(op errorfs.Op) bool {
	return faulttest.Changes(op) || op.Kind == errorfs.OpLock || op.Kind == errorfs.OpFilePreallocate
}

func takesSpace(op errorfs.Op) bool {
	switch op.Kind {
	case errorfs.OpCreate, errorfs.OpLink, errorfs.OpMkdirAll, errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpFilePreallocate:
		return true
	default:
		return false
	}
}

// trial is a life with a fault in it.
type trial struct {
	life
	disk  *vfs.MemFS
	fault fault
	cut   []crash // what power cuts and kills leave, when the fault strikes and at the end
}

func newTrial(zone *meter.Zone, s sort, nth int) *trial {
	c := &trial{
		life: life{zone: zone, snapshotBytes: 2 << 10}, disk: vfs.NewCrashableMem(),
		fault: fault{sort: s, left: nth, later: make(map[string]int)},
	}
	c.fault.struck = func(op errorfs.Op) {
		c.cutOff(fmt.Sprintf("when %s of %s failed", faulttest.Name(op), op.Path))
	}
	c.fs = faulttest.Watch(c.disk, c.fault.strike)
	return c
}

func (c *trial) cutOff(when string) {
	for i, percent := range []int{0, 50, 100} {
		cut := crash{name: fmt.Sprintf("%s, %d %% kept of what was not synced", when, percent)}
		cut.at = c.moment(func() { cut.disk = faulttest.Torn(c.disk, percent, uint64(i)) })
		c.cut = append(c.cut, cut)
	}
}

// end is how a trial ended.
type end int

const (
	untouched end = iota // the fault did not strike
	survived             // the ledger went on to the end of the plan, or did not open
	failed               // the ledger said that it takes no more
)

// run goes through the plan, crashes when the fault strikes and again at the end,
// and holds what is left each time against the witness.
func (c *trial) run(steps []step) (end, error) {
	c.life.run(steps)
	how := survived
	switch {
	case c.node != nil && c.hasFailed():
		how = failed
		if err := c.isFinal(); err != nil {
			return how, err
		}
	case len(c.unanswered) > 0:
		return how, fmt.Errorf("the ledger goes on, though it could not answer: %w", errors.Join(c.unanswered...))
	case c.node != nil:
		c.close()
	}
	first := c.fault.hasStruck()
	if first == nil {
		return untouched, errors.Join(c.errs...)
	}
	if n := c.fault.again(first.Path); strings.HasSuffix(first.Path, ".log") && n > 0 {
		return how, fmt.Errorf("%s was written or synced %d times after that had failed", first.Path, n)
	}
	c.cutOff("at the end")
	for _, cut := range c.cut {
		if _, err := c.comesBack(cut); err != nil {
			return how, fmt.Errorf("%s: %w", cut.name, err)
		}
	}
	return how, nil
}

// isFinal makes sure that a ledger that has failed takes nothing more.
func (c *trial) isFinal() error {
	ctx := context.Background()
	r := meter.Reading{Meter: "A", Slot: c.zone.Floor(now), Register: registerOf("A", c.zone.Floor(now))}
	_, single := c.node.Record(ctx, r)
	results, many := c.node.RecordMany(ctx, []meter.Reading{r})
	if len(results) > 0 { // the meter was not registered in time
		many = errors.Join(many, results[0].Err)
	}
	for name, err := range map[string]error{
		"reading": single, "batch of readings": many,
		"registration": c.node.Register(ctx, "newcomer", ownerOf("newcomer"), "1 Road"),
		"reason":       c.node.Failure(),
	} {
		if err == nil {
			return fmt.Errorf("a %s was taken after the failure, or none was given", name)
		}
	}
	_ = c.node.Snapshot(ctx) // which may find that there is nothing to do, but returns
	return nil
}

func TestNoFailedWriteIsEverAcknowledged(t *testing.T) {
	zone := loadZone(t, "Asia/Singapore")
	steps := plan(1, 1, 2)
	for _, s := range sorts {
		t.Run(s.name, func(t *testing.T) {
			step := faulttest.Every(40)
			var ends [failed + 1]atomic.Int64
			const most = 10_000 // operations; the life has fewer
			err := faulttest.SideBySide(most/step, func(i int) error {
				if ends[untouched].Load() > 0 {
					return nil
				}
				how, err := newTrial(zone, s, 1+i*step).run(steps)
				if err != nil {
					return fmt.Errorf("operation %d: %w", 1+i*step, err)
				}
				ends[how].Add(1)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if ends[untouched].Load() == 0 {
				t.Fatal("no life went by without the fault")
			}
			t.Logf("%d times the ledger lived on or did not open, %d times it failed for good: 0 false acknowledgements",
				ends[survived].Load(), ends[failed].Load())
		})
	}
}
