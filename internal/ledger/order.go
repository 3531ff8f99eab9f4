package ledger

import (
	"context"
	"time"

	"meterledger/internal/chain"
)

// order decides what comes first. Commits go in by send as they were gathered, and come
// back by next in the order in which they are applied; only what next hands out is
// applied, and only then are its commits answered.
//
// One goroutine sends and then stops; another one calls next until it reports false.
//
// What may be believed after a crash: everything that next has handed out is there, in
// that order and with nothing in between. What was sent and not handed out may be there
// after it, whole, or not at all. Nothing else is there. So nothing that was answered
// is lost, and a caller without an answer knows nothing.
type order interface {
	// batchBytesMax is how large a batch of several commits may be. A single commit of
	// commitBytesMax is always taken.
	batchBytesMax() int

	// send takes over what was gathered, in the order of the calls, and leaves g empty
	// for the next batch. It waits while too much is under way. When it returns, the
	// commits may be on disk or still on their way. An error is final: nothing may be
	// sent any more, and nothing can be said about the commits.
	send(g *gathered) error

	// next waits for the next batch and returns it, durable: no crash takes it back. It
	// is valid until the next call. Each commit that was sent is handed out once; after a
	// failure, once at most. It reports false when everything that became durable before
	// stop was handed out.
	next() (ordered, bool)

	// confirm waits until everything that was answered anywhere before the call is applied
	// here. It reports false if nothing can come from elsewhere, so that the state never
	// was behind: what it said before the call, it says still. An error says that it is not
	// known how far the others are. Any number of goroutines may call it.
	confirm(ctx context.Context) (changed bool, err error)

	// waitMax is how long a caller waits for a commit, and for confirm, at most; 0 is as long as
	// it takes.
	waitMax() time.Duration

	// stop says that nothing will be sent any more. It does not wait.
	stop()

	// kept returns nil once the batch of a sequence, which was handed out, is safe on this
	// disk: a snapshot of it counts only then.
	kept(ctx context.Context, sequence uint64) error

	// failed is closed when nothing more can become durable, which also happens between
	// two calls of send; failure then says why.
	failed() <-chan struct{}
	failure() error
}

// gathered is commits that go through the journal together.
type gathered struct {
	payload []byte // of the commits, one after the other
	entries int
	commits []*commit
}

// add adds a commit, unless several would become larger than bytesMax. Those of runs of
// maintenance stand by themselves.
func (g *gathered) add(k *commit, bytesMax int) bool {
	if len(g.commits) > 0 && (len(g.payload)+len(k.payload) > bytesMax || k.isRun != g.commits[0].isRun) {
		return false
	}
	k.at = g.entries
	g.payload = append(g.payload, k.payload...)
	g.entries += k.entries
	g.commits = append(g.commits, k)
	return true
}

func (g *gathered) reset() { g.payload, g.entries, g.commits = g.payload[:0], 0, g.commits[:0] }

// ordered is a batch in its place in history. Payload and entries are the whole batch;
// the commits are those of it that this order was sent. Entries may be entriesUnknown.
type ordered struct {
	*gathered
	end chain.Position
}
