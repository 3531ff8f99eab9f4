package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
	"meterledger/internal/journal"
)

const (
	// arrivedMax is how many batches wait to be applied. Who brings more waits.
	arrivedMax = 16
	// copiesMax is how many applied batches wait to be copied into the journal.
	copiesMax = 64
	// copyTime is how long a batch that was applied waits for others, to be copied with the same fsync. It is safe in the
	// engine meanwhile, and nobody waits for the copy.
	copyTime = 20 * time.Millisecond
	// tailAgain is how long a node waits before it asks again for what comes next.
	tailAgain = 50 * time.Millisecond
	// silenceMax is how long a peer may bring nothing.
	silenceMax = 5 * time.Second
	// roomAgain is how often a node without room on its disk looks for some.
	roomAgain = time.Second
)

// arrival is a batch in its place in the order.
type arrival struct {
	batch   []byte
	payload []byte // of it
	end     chain.Position
}

// follower receives the order batch by batch, hands it out to be applied, and copies what was
// applied into the journal of this node.
type follower struct {
	engine  cluster.Engine
	peers   cluster.Peers
	self    cluster.Node
	journal *journal.Journal
	log     *slog.Logger
	fail    func(error)       // the node cannot go on
	hasRoom func(uint64) bool // on the disk of the journal, for so many bytes

	receiving chan struct{}  // holds a token while nobody receives
	received  chain.Position // the end of what has arrived; touched with the token
	known     mark           // of received
	arrived   chan arrival
	spans     *spans // of what has arrived

	applied mark
	copies  chan []byte
	copied  mark
}

func (f *follower) begin(at chain.Position) {
	f.received = at
	f.receiving = make(chan struct{}, 1)
	f.receiving <- struct{}{}
	f.arrived, f.copies = make(chan arrival, arrivedMax), make(chan []byte, copiesMax)
	f.known.raise(at.Sequence)
	f.applied.raise(at.Sequence)
	f.copied.raise(at.Sequence)
}

var errGap = errors.New("a batch is missing before the one that came")

// forkError says that the order has another batch where this node has one of its own.
type forkError struct {
	sequence uint64
	err      error
}

func (e *forkError) Error() string {
	return fmt.Sprintf("batch %d of the order does not follow what this node has: %v; one of the two was brought back from an older copy, or founded again with less, and has gone on: "+
		"move the data folder of this node away and keep it, for the others lack what it holds, and let the node join with an empty folder", e.sequence, e.err)
}

// receive takes the batch that comes next; one that has arrived before is passed over. It
// waits while too many wait to be applied. An error other than errGap and that of ctx is final.
func (f *follower) receive(ctx context.Context, batch []byte) error {
	select {
	case <-f.receiving:
		defer func() { f.receiving <- struct{}{} }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	sequence, err := chain.SequenceOf(batch)
	switch {
	case err != nil:
		return err
	case sequence <= f.received.Sequence:
		return nil
	case sequence > f.received.Sequence+1:
		return errGap
	}
	payload, err := f.received.Follow(batch)
	if err != nil {
		return &forkError{sequence, err}
	}
	next := arrival{batch, payload, f.received.After(batch)}
	select {
	case f.arrived <- next:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	f.received = next.end
	f.spans.add(sequence, len(batch))
	f.known.raise(next.end.Sequence)
	return nil
}

// tailAll follows the engine until ctx is done. A tail that brings nothing though there is more
// is ended through again.
func (f *follower) tailAll(ctx context.Context, again <-chan struct{}) {
	for ctx.Err() == nil {
		once, end := context.WithCancel(ctx)
		go func() {
			select {
			case <-again:
				end()
			case <-once.Done():
			}
		}()
		err := f.engine.Tail(once, f.known.load(), func(batch []byte) error { return f.receive(once, batch) })
		end()
		var fork *forkError
		if errors.As(err, &fork) {
			f.fail(err)
			return
		}
		var cut *cluster.CutError
		if errors.As(err, &cut) {
			f.catchUp(ctx)
		}
		pause(ctx, tailAgain)
	}
}

// errFarBehind ends a node that nobody can bring on batch by batch. Its next start fetches a snapshot.
var errFarBehind = errors.New("this node lies behind what was cut from the engine, and no other node has that any more: start it again, and it fetches a snapshot")

// catchUp asks the other nodes for batches that the engine does not have any more.
func (f *follower) catchUp(ctx context.Context) {
	nodes, err := f.engine.Nodes(ctx)
	if err != nil {
		return
	}
	known := f.known.load()
	ahead := slices.DeleteFunc(nodes, func(n cluster.Seen) bool { return n.Name == f.self.Name || n.Copied <= known })
	able := slices.DeleteFunc(slices.Clone(ahead), func(n cluster.Seen) bool { return n.First == 0 || n.First > known+1 })
	if len(ahead) > 0 && len(able) == 0 {
		f.fail(errFarBehind)
	}
	for _, n := range able {
		err := f.ask(ctx, n.Node, known)
		if err == nil {
			return
		}
		f.log.Info("another node could not hand out what is missing here", "node", n.Name, "behind", known, "error", err)
	}
}

// errSilent ends a question to a peer that brings nothing more.
var errSilent = errors.New("the other node brings nothing")

// ask has another node hand out batches, as long as it brings some.
func (f *follower) ask(ctx context.Context, from cluster.Node, after uint64) error {
	ctx, heard, end := listen(ctx)
	defer end()
	return f.peers.Batches(ctx, from, after, func(batch []byte) error {
		err := f.receive(ctx, batch)
		heard()
		return err
	})
}

// listen returns a context that ends with errSilent once nothing was heard for silenceMax.
func listen(ctx context.Context) (listening context.Context, heard, end func()) {
	listening, cancel := context.WithCancelCause(ctx)
	silence := time.AfterFunc(silenceMax, func() { cancel(errSilent) })
	return listening, func() { silence.Reset(silenceMax) }, func() {
		silence.Stop()
		cancel(nil)
	}
}

// copyAll copies what was applied into the journal, as much as comes within copyTime with one fsync.
func (f *follower) copyAll(ctx context.Context) {
	for batch := range f.copies {
		batches := f.gatherCopies(batch)
		if !f.awaitRoom(ctx, batches) {
			return // the next start copies them
		}
		if err := f.journal.PutAll(batches); err != nil {
			f.fail(err)
			return
		}
		f.copied.raise(f.journal.Last())
	}
}

func (f *follower) gatherCopies(first []byte) [][]byte {
	batches := [][]byte{first}
	enough := time.After(copyTime)
	for len(batches) < copiesMax {
		select {
		case next, more := <-f.copies:
			if !more {
				return batches
			}
			batches = append(batches, next)
		case <-enough:
			return batches
		}
	}
	return batches
}

// awaitRoom waits for room on the disk, and reports whether there is some: a node without it stands still, and Pebble
// would end it.
func (f *follower) awaitRoom(ctx context.Context, batches [][]byte) bool {
	bytes := 0
	for _, batch := range batches {
		bytes += len(batch)
	}
	for !f.hasRoom(uint64(bytes)) {
		if pause(ctx, roomAgain); ctx.Err() != nil {
			return false
		}
	}
	return true
}

// position returns the end of what has arrived.
func (f *follower) position(ctx context.Context) (chain.Position, error) {
	select {
	case <-f.receiving:
		defer func() { f.receiving <- struct{}{} }()
		return f.received, nil
	case <-ctx.Done():
		return chain.Position{}, context.Cause(ctx)
	}
}

// pause waits, unless ctx is done before.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
