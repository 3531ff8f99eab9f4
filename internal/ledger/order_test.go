package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
	"meterledger/internal/clustertest"
	"meterledger/internal/faulttest"
	"meterledger/internal/journal"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// orderHarness is an order under test and what can befall it.
type orderHarness struct {
	order
	start chain.Position // where it goes on from
	// history returns the batches that a restart finds past start after a crash at this
	// moment that keeps as little as it may.
	history func() (payloads [][]byte)
	journal *journal.Journal
	// fail makes the order fail.
	fail func()
}

// testOrder is what any implementation of order must do. open makes a new one.
func testOrder(t *testing.T, open func(t *testing.T) orderHarness) {
	for name, test := range map[string]func(*testing.T, orderHarness){
		"commits come back in the order in which they were sent, once each, at their place": comeBackInOrder,
		"what is handed out survives a crash":                                               handsOutWhatIsDurable,
		"what is handed out is one chain":                                                   handsOutOneChain,
		"a failure is final":                                                                failsForGood,
		"what was sent before a stop is handed out":                                         drainsWhenStopped,
		"the largest commit is taken":                                                       takesTheLargestCommit,
		"once it is confirmed, what was handed out is what there is":                        confirmsWhatWasHandedOut,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// registering is a commit that registers a meter twice: its verdicts tell its place.
func registering(n int) *commit {
	account := meter.Account{ID: meter.ID(fmt.Sprintf("meter %d", n)), OwnerName: "Tan", Address: "Road", RegisteredAt: time.Unix(0, 0)}
	return &commit{payload: store.AppendAccount(store.AppendAccount(nil, account), account), entries: 2}
}

// sendAll sends so many batches of one to three commits each, and stops.
func (o orderHarness) sendAll(batches int) (sent []*commit, err error) {
	defer o.stop()
	g := &gathered{}
	for n := range batches {
		for range 1 + n%3 {
			k := registering(len(sent))
			sent = append(sent, k)
			if !g.add(k, o.batchBytesMax()) {
				return sent, errors.New("a small batch was full")
			}
		}
		if err := o.send(g); err != nil {
			return sent, err
		}
		if len(g.commits) > 0 || len(g.payload) > 0 || g.entries > 0 {
			return sent, fmt.Errorf("send left %d commits", len(g.commits))
		}
	}
	return sent, nil
}

// sending is sendAll beside the test; wait waits for its end.
func (o orderHarness) sending(batches int) (wait func() ([]*commit, error)) {
	var sent []*commit
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		sent, err = o.sendAll(batches)
	}()
	return func() ([]*commit, error) {
		<-ended
		return sent, err
	}
}

const orderBatches = 20

// nextOwn passes over batches in which nothing was sent here.
func (o orderHarness) nextOwn() (b ordered, ok bool) {
	for b, ok = o.next(); ok && len(b.commits) == 0; b, ok = o.next() {
	}
	return b, ok
}

func comeBackInOrder(t *testing.T, o orderHarness) {
	wait := o.sending(orderBatches)
	s := store.New()
	var got []*commit
	for b, ok := o.next(); ok; b, ok = o.next() {
		verdicts, err := s.Apply(b.payload, store.Verdicts{})
		if err != nil || verdicts.Len() != b.entries && b.entries != entriesUnknown {
			t.Fatalf("a batch of %d entries has %d verdicts: %v", b.entries, verdicts.Len(), err)
		}
		for _, k := range b.commits {
			if own := verdicts.Part(k.at, k.entries, store.Verdicts{}); own.At(0).Outcome != store.Accepted || own.At(1).Outcome != store.MeterExists {
				t.Errorf("at place %d stands another commit: %v", k.at, own)
			}
		}
		got = append(got, b.commits...)
	}
	sent, err := wait()
	if err != nil || !slices.Equal(got, sent) {
		t.Errorf("%d commits came back of %d, or in another order: %v", len(got), len(sent), err)
	}
}

func handsOutWhatIsDurable(t *testing.T, o orderHarness) {
	wait := o.sending(orderBatches)
	var handed [][]byte
	for b, ok := o.next(); ok; b, ok = o.next() {
		handed = append(handed, slices.Clone(b.payload))
		kept := o.history()
		if len(kept) < len(handed) || !slices.EqualFunc(kept[:len(handed)], handed, slices.Equal) {
			t.Fatalf("%d batches were handed out, a crash keeps %d, or others", len(handed), len(kept))
		}
	}
	if _, err := wait(); err != nil {
		t.Error(err)
	}
	if kept := o.history(); len(kept) != len(handed) {
		t.Errorf("%d batches were handed out, %d are there", len(handed), len(kept))
	}
}

func handsOutOneChain(t *testing.T, o orderHarness) {
	wait := o.sending(orderBatches)
	at := o.start
	for b, ok := o.next(); ok; b, ok = o.next() {
		if at = at.After(chain.Encode(nil, at, b.payload)); b.end != at {
			t.Fatalf("batch %d ends at %v, not at %v", at.Sequence, b.end, at)
		}
	}
	if _, err := wait(); err != nil {
		t.Error(err)
	}
}

func failsForGood(t *testing.T, o orderHarness) {
	const before = 5
	handed := make(chan bool, before) // a batch, or the end
	go func() {
		for _, ok := o.nextOwn(); ok; _, ok = o.nextOwn() {
			handed <- true
		}
		close(handed)
	}()
	g := &gathered{}
	send := func(n int) error {
		g.reset()
		g.add(registering(n), o.batchBytesMax())
		return o.send(g)
	}
	for n := range before {
		if err := errors.Join(send(n), o.failure()); err != nil || !<-handed {
			t.Fatalf("before it fails batch %d is not handed out: %v", n, err)
		}
	}
	o.fail()
	for range 3 {
		if err := send(before); err == nil {
			t.Error("a batch was taken after the failure")
		}
	}
	<-o.failed()
	if o.failure() == nil {
		t.Error("it does not say why it failed")
	}
	o.stop()
	if <-handed {
		t.Error("a batch was handed out after the failure")
	}
}

func drainsWhenStopped(t *testing.T, o orderHarness) {
	sent, err := o.sendAll(1) // and nobody asks for it yet
	if err != nil {
		t.Fatal(err)
	}
	if b, ok := o.nextOwn(); !ok || !slices.Equal(b.commits, sent) {
		t.Errorf("what was sent before the stop is not handed out: %v", ok)
	}
	for range 2 {
		if _, ok := o.next(); ok {
			t.Error("more was handed out than sent")
		}
	}
}

func takesTheLargestCommit(t *testing.T, o orderHarness) {
	payload := store.AppendReception(nil, true)
	k := &commit{}
	for len(k.payload)+len(payload) <= commitBytesMax {
		k.payload, k.entries = append(k.payload, payload...), k.entries+1
	}
	g := &gathered{}
	if !g.add(k, o.batchBytesMax()) {
		t.Fatal("it was not gathered")
	}
	if g.add(registering(1), min(o.batchBytesMax(), commitBytesMax)) {
		t.Error("another one was gathered beside it")
	}
	if err := o.send(g); err != nil {
		t.Fatal(err)
	}
	o.stop()
	if b, ok := o.nextOwn(); !ok || !slices.Equal(b.commits, []*commit{k}) || !bytes.HasSuffix(b.payload, k.payload) {
		t.Error("it does not come back as it was sent")
	}
}

// confirmsWhatWasHandedOut asks while nothing is under way.
func confirmsWhatWasHandedOut(t *testing.T, o orderHarness) {
	if _, err := o.sendAll(1); err != nil {
		t.Fatal(err)
	}
	for _, ok := o.next(); ok; _, ok = o.next() {
	}
	if changed, err := o.confirm(t.Context()); err != nil || changed && o.waitMax() == 0 {
		t.Errorf("the state changed: %v, %v", changed, err)
	}
}

// openAlone opens a journal in memory, and an order on it.
func openAlone(t *testing.T) orderHarness {
	quiet := slog.New(slog.DiscardHandler)
	disk := vfs.NewCrashableMem()
	var broken atomic.Bool
	j, err := journal.Open(faulttest.Watch(disk, func(op errorfs.Op) error {
		if broken.Load() && faulttest.Changes(op) {
			return errorfs.ErrInjected
		}
		return nil
	}), "journal", quiet)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(store.AppendReception(nil, true)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	start := j.End()
	return orderHarness{
		order: newAlone(j, newMetrics(nil)), journal: j, start: start, fail: func() { broken.Store(true) },
		history: func() (payloads [][]byte) {
			found, err := journal.Open(faulttest.PowerCut(disk), "journal", quiet)
			if err != nil {
				t.Fatal(err)
			}
			err = found.Replay(start.Sequence+1, func(_ uint64, payload []byte) error {
				payloads = append(payloads, slices.Clone(payload))
				return nil
			})
			if err := errors.Join(err, found.Close()); err != nil {
				t.Fatal(err)
			}
			return payloads
		},
	}
}

// openShared begins an order with one node of several, which leads.
func openShared(t *testing.T) orderHarness { return openSharedOn(t, openAlone(t)) }

// openSharedOn takes the journal of a node alone.
func openSharedOn(t *testing.T, alone orderHarness) orderHarness {
	j := alone.journal
	engine := clustertest.NewEngine(1)
	client := engine.Client("a")
	if err := client.Found(t.Context(), cluster.Order{At: j.End()}); err != nil {
		t.Fatal(err)
	}
	o := &Shared{Engine: client, Peers: clustertest.NewNetwork(1).Peers("a"), Self: cluster.Node{Name: "a", Incarnation: 7, Address: "a"}}
	s := newShared(o, j, store.New(), time.Now, slog.New(slog.DiscardHandler), func(*commit) {}, func(uint64) bool { return true })
	s.settled = func() {}
	s.start()
	t.Cleanup(s.end)
	return orderHarness{
		order: s, start: alone.start, fail: func() { s.failWith(errors.New("broken")) },
		history: func() (payloads [][]byte) {
			_, batches := engine.Order()
			at := alone.start
			for _, batch := range batches {
				payload, err := at.Follow(batch)
				if err != nil {
					t.Fatal(err)
				}
				payloads, at = append(payloads, payload), at.After(batch)
			}
			return payloads
		},
	}
}

func TestTheOrderOfSeveralNodesIsOne(t *testing.T) { testOrder(t, openShared) }

func TestAnOrderOfSeveralFailsWithTheDiskOfItsCopy(t *testing.T) {
	alone := openAlone(t)
	o := openSharedOn(t, alone)
	wait := o.sending(orderBatches)
	alone.fail()
	for _, ok := o.next(); ok; _, ok = o.next() {
	}
	<-o.failed()
	if _, err := wait(); !errors.Is(o.failure(), errorfs.ErrInjected) {
		t.Errorf("it failed with %v, and what is sent with %v", o.failure(), err)
	}
}

func TestTheOrderOfANodeAloneIsOne(t *testing.T) { testOrder(t, openAlone) }
