package ledger

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// narrowOrder takes small batches only, and notes how large they are.
type narrowOrder struct {
	order
	bytesMax int
	sizes    []int
}

func (o *narrowOrder) batchBytesMax() int { return o.bytesMax }

func (o *narrowOrder) send(g *gathered) error {
	o.sizes = append(o.sizes, len(g.payload))
	return o.order.send(g)
}

// narrowCommitter is a committer whose batches are closed at so many bytes. It writes
// only what was queued before.
func narrowCommitter(t *testing.T, bytesMax int, queued ...*commit) *narrowOrder {
	t.Helper()
	bench := openAlone(t)
	o := &narrowOrder{order: bench.order, bytesMax: bytesMax}
	s := store.New()
	space := &space{fs: vfs.NewMem(), log: slog.New(slog.DiscardHandler)}
	clock := &clock{now: func() time.Time { return time.Time{} }} // which stamps nothing
	c := newCommitter(s, bench.start, space, &stall{}, clock, &memory{}, &growth{})
	c.order = o
	for _, k := range queued {
		if err := c.enqueue(t.Context(), k, steady); err != nil {
			t.Fatal(err)
		}
	}
	c.start()
	c.stop()
	if c.quota.taken != 0 || len(c.queue) > 0 {
		t.Errorf("%d commits are left in the queue, %d bytes of room are taken", len(c.queue), c.quota.taken)
	}
	return o
}

func TestABatchIsClosedBeforeItIsLargerThanTheOrderTakes(t *testing.T) {
	var queued []*commit
	size := len(registering(10).payload)
	for n := range 25 {
		queued = append(queued, registering(10+n))
	}
	large := registering(35)
	for range 4 { // more than one batch
		large.payload, large.entries = append(large.payload, registering(35).payload...), large.entries+2
	}
	queued = slices.Insert(queued, 10, large)
	o := narrowCommitter(t, 4*size-1, queued...)
	if want := []int{3 * size, 3 * size, 3 * size, size, 5 * size, 3 * size, 3 * size, 3 * size, 3 * size, 3 * size}; !slices.Equal(o.sizes, want) {
		t.Errorf("batches of %d bytes were sent, not of %d", o.sizes, want)
	}
	for n, k := range queued {
		if verdicts := k.verdicts; len(k.done) != 1 || verdicts.Len() != k.entries || verdicts.At(0).Outcome != store.Accepted || verdicts.At(1).Outcome != store.MeterExists {
			t.Errorf("commit %d was answered with %v", n, verdicts)
		}
	}
}

func TestACommitThatNoOrderTakesIsABug(t *testing.T) {
	narrowCommitter(t, 1000, &commit{payload: slices.Repeat(store.AppendReception(nil, true), commitBytesMax/2), entries: commitBytesMax / 2})
	defer func() {
		if recover() == nil {
			t.Error("a commit that is too large was queued")
		}
	}()
	narrowCommitter(t, 1000, &commit{payload: make([]byte, commitBytesMax+1)})
}

// TestTheLargestCommitsFit makes those that gather. The largest of other entries are known to the store.
func TestTheLargestCommitsFit(t *testing.T) {
	const pointsMax = 31*48 + 2 // of a month, with the hour of daylight saving that comes twice
	text := strings.Repeat("😀", meter.TextLengthMax)
	account := meter.Account{ID: meter.ID(strings.Repeat("m", meter.IDLengthMax)), OwnerName: text, Address: text}
	correction := &store.Correction{Note: store.Note{By: text, Reason: text}, Edits: make([]store.Edit, CorrectionsMax)}
	for what, bytes := range map[string]int{
		"readings":     archivesMax*store.RecallBytes(pointsMax) + submissionRows*store.ReadingBytesMax,
		"accounts":     accountsTogether * len(store.AppendRestoredAccount(nil, account)),
		"a correction": recallsMax*store.RecallBytes(pointsMax) + len(store.AppendRestoredCorrection(nil, correction)),
	} {
		if bytes > commitBytesMax {
			t.Errorf("%s of a commit can take %d bytes", what, bytes)
		}
	}
}
