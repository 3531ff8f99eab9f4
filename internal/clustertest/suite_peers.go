package clustertest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"meterledger/internal/cluster"
)

// Wire is how a node reaches another one.
type Wire struct {
	cluster.Peers
	To      cluster.Node // which it reaches
	Nowhere cluster.Node // at whose address nobody serves
}

// TestPeers tests each sentence of the docs of cluster.Peers, each on a way of its own to a node that answers
// as a server does. Run is as of TestEngine.
func TestPeers(t *testing.T, run func(*testing.T, func(*testing.T)), open func(*testing.T, Server) Wire) {
	if run == nil {
		run = func(t *testing.T, f func(*testing.T)) { f(t) }
	}
	for _, s := range ofPeers {
		t.Run(s.says, func(t *testing.T) {
			run(t, func(t *testing.T) {
				to := new(answering)
				s.holds(&asking{T: t, Wire: open(t, to), other: to, ctx: t.Context()})
			})
		})
	}
}

// asking is a node that asks the other one.
type asking struct {
	*testing.T
	Wire
	other *answering
	ctx   context.Context
}

// answering is a server that answers as it was told last. It may be told anew while it still answers a call that
// its caller gave up.
type answering struct {
	propose  atomic.Value // func(cluster.Proposal) error
	batches  atomic.Value // handOut
	snapshot atomic.Value // func(to io.Writer) error
}

type handOut = func(after uint64, take func([]byte) error) error

func (a *answering) Propose(_ context.Context, p cluster.Proposal) error {
	return a.propose.Load().(func(cluster.Proposal) error)(p)
}

func (a *answering) Batches(after uint64, take func([]byte) error) error {
	return a.batches.Load().(handOut)(after, take)
}

func (a *answering) Snapshot(to io.Writer) error {
	return a.snapshot.Load().(func(io.Writer) error)(to)
}

// hands makes the other node hand out batches, and then fail with an error, if there is one.
func (x *asking) hands(err error, batches ...[]byte) {
	x.other.batches.Store(func(_ uint64, take func([]byte) error) error {
		for _, b := range batches {
			if err := take(b); err != nil {
				return err
			}
		}
		return err
	})
}

func (x *asking) batchesBehind(after uint64) (got [][]byte, err error) {
	err = x.Batches(x.ctx, x.To, after, func(b []byte) error {
		got = append(got, b)
		return nil
	})
	return got, err
}

func (x *asking) proposal(bytes int) cluster.Proposal {
	return cluster.Proposal{
		To:          cluster.Leader{Node: cluster.Node{Name: x.To.Name, Incarnation: 1<<63 + 2, Address: x.To.Address}, Term: 1<<63 + 1},
		Incarnation: math.MaxUint64, Number: 1<<40 + 4, Applied: 1<<50 + 5, Entries: 1<<20 + 6, Payload: pattern(bytes, 7),
	}
}

// pattern returns bytes among which all values are.
func pattern(length, seed int) []byte {
	b := make([]byte, length)
	for i := range b {
		b[i] = byte(i*31 + i>>8 + seed)
	}
	return b
}

var ofPeers = []struct {
	says  string
	holds func(x *asking)
}{
	{"Propose has a leader queue a proposal", func(x *asking) {
		for _, bytes := range []int{1, 1000, cluster.BatchBytesMax, cluster.ProposalBytesMax} {
			var got cluster.Proposal
			x.other.propose.Store(func(p cluster.Proposal) error {
				got = p
				return nil
			})
			sent := x.proposal(bytes)
			if err := x.Propose(x.ctx, sent); err != nil || !isSame(got, sent) {
				x.Errorf("of %d bytes what arrives is %v, %d, %d, %d, %d and %d bytes, %v",
					bytes, got.To, got.Incarnation, got.Number, got.Applied, got.Entries, len(got.Payload), err)
			}
		}
	}},
	{"Propose is ErrFull, ErrMoved or ErrRefused; errors that wrap none of them leave it open what was done", func(x *asking) {
		for _, answer := range []error{cluster.ErrFull, cluster.ErrMoved, cluster.ErrRefused, errAny} {
			x.other.propose.Store(func(cluster.Proposal) error { return errors.Join(answer, errors.New("why")) })
			err := x.Propose(x.ctx, x.proposal(10))
			for _, known := range []error{cluster.ErrFull, cluster.ErrMoved, cluster.ErrRefused} {
				if err == nil || errors.Is(err, known) != (known == answer) {
					x.Errorf("what is answered with %v fails with %v", answer, err)
				}
			}
		}
	}},
	{"Propose: one of more than ProposalBytesMax is ErrRefused", func(x *asking) {
		x.other.propose.Store(func(cluster.Proposal) error {
			x.Error("it arrives")
			return nil
		})
		if err := x.Propose(x.ctx, x.proposal(cluster.ProposalBytesMax+1)); !errors.Is(err, cluster.ErrRefused) {
			x.Errorf("it fails with %v", err)
		}
	}},
	{"Propose: once it has returned, the bytes of the payload may be changed", func(x *asking) {
		var got []byte
		x.other.propose.Store(func(p cluster.Proposal) error {
			got = p.Payload
			return nil
		})
		p := x.proposal(1000)
		err := x.Propose(x.ctx, p)
		clear(p.Payload)
		if err != nil || !bytes.Equal(got, pattern(1000, 7)) {
			x.Errorf("%x has arrived, %v", got, err)
		}
	}},
	{"The error wraps syscall.ECONNREFUSED if nobody serves at the address", func(x *asking) {
		p := x.proposal(10)
		p.To.Node = x.Nowhere
		for _, err := range []error{
			x.Propose(x.ctx, p),
			x.Batches(x.ctx, x.Nowhere, 1, nil),
			x.Snapshot(x.ctx, x.Nowhere, io.Discard),
		} {
			if !errors.Is(err, syscall.ECONNREFUSED) {
				x.Errorf("it is %v", err)
			}
		}
	}},
	{"Nothing is asked once ctx is done", func(x *asking) {
		ctx, cancel := context.WithCancel(x.ctx)
		cancel()
		for _, err := range []error{
			x.Propose(ctx, x.proposal(10)),
			x.Batches(ctx, x.To, 1, nil),
			x.Snapshot(ctx, x.To, io.Discard),
		} {
			if !errors.Is(err, context.Canceled) {
				x.Errorf("it is %v", err)
			}
		}
	}},
	{"Batches hands out the batches behind a sequence, as far as it goes", func(x *asking) {
		batches := [][]byte{pattern(1, 1), pattern(70_000, 2), pattern(cluster.AppendBytesMax, 3), pattern(100, 4)}
		for _, after := range []uint64{0, 1, math.MaxUint64} {
			var asked uint64
			x.hands(nil, batches...)
			hand := x.other.batches.Load().(handOut)
			x.other.batches.Store(func(after uint64, take func([]byte) error) error {
				asked = after
				return hand(after, take)
			})
			if got, err := x.batchesBehind(after); err != nil || asked != after || !same(got, batches) {
				x.Errorf("behind %d it was asked for what is behind %d, and %d batches come, %v", after, asked, len(got), err)
			}
		}
		x.hands(nil)
		if got, err := x.batchesBehind(9); err != nil || len(got) > 0 {
			x.Errorf("where there are none %d come, %v", len(got), err)
		}
	}},
	{"Batches: if there is no error, all of them", func(x *asking) {
		batches := [][]byte{pattern(10, 1), pattern(70_000, 2), pattern(20, 3)}
		for _, broken := range []error{errAny, &cluster.CutError{First: 20}} {
			for handed := range len(batches) + 1 {
				x.hands(broken, batches[:handed]...)
				if got, err := x.batchesBehind(9); err == nil || len(got) > handed || !same(got, batches[:len(got)]) {
					x.Errorf("broken off behind %d batches by %v, %d come, %v", handed, broken, len(got), err)
				}
			}
		}
	}},
	{"Batches is a *CutError if the next one is not there any more", func(x *asking) {
		for _, first := range []uint64{1, math.MaxUint64} {
			x.hands(&cluster.CutError{First: first})
			_, err := x.batchesBehind(0)
			if cut, ok := errors.AsType[*cluster.CutError](err); !ok || cut.First != first {
				x.Errorf("where the first is %d it is %v", first, err)
			}
		}
	}},
	{"Batches: an error of take is returned", func(x *asking) {
		x.hands(nil, pattern(10, 1), pattern(70_000, 2), pattern(20, 3))
		calls := 0
		err := x.Batches(x.ctx, x.To, 1, func([]byte) error {
			if calls++; calls == 2 {
				return errAny
			}
			return nil
		})
		if !errors.Is(err, errAny) || calls != 2 {
			x.Errorf("after %d calls it is %v", calls, err)
		}
	}},
	{"Batches ends with ctx", func(x *asking) {
		ctx, cancel := context.WithCancel(x.ctx)
		defer cancel()
		x.other.batches.Store(func(_ uint64, take func([]byte) error) (err error) {
			for err == nil {
				err = take(pattern(1000, 1))
			}
			return err
		})
		err := x.Batches(ctx, x.To, 1, func([]byte) error {
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			x.Errorf("it is %v", err)
		}
	}},
	{"Batches: the bytes of a batch may be kept", func(x *asking) {
		changing := pattern(100, 1)
		x.other.batches.Store(func(_ uint64, take func([]byte) error) error {
			err := take(changing)
			copy(changing, pattern(100, 2))
			return errors.Join(err, take(changing))
		})
		if got, err := x.batchesBehind(1); err != nil || !same(got, [][]byte{pattern(100, 1), pattern(100, 2)}) {
			x.Errorf("what comes is %x, %v", got, err)
		}
	}},
	{"Snapshot writes the bytes of a node's newest snapshot", func(x *asking) {
		for _, length := range []int{0, 1, 300_000} {
			x.other.snapshot.Store(func(to io.Writer) error {
				_, err := to.Write(pattern(length, 5))
				return err
			})
			var got bytes.Buffer
			if err := x.Snapshot(x.ctx, x.To, &got); err != nil || !bytes.Equal(got.Bytes(), pattern(length, 5)) {
				x.Errorf("of %d bytes %d come, %v", length, got.Len(), err)
			}
		}
	}},
	{"Snapshot: if there is no error, all of them", func(x *asking) {
		for _, length := range []int{0, 1, 300_000} {
			x.other.snapshot.Store(func(to io.Writer) error {
				_, err := to.Write(pattern(length, 5))
				return errors.Join(err, errAny)
			})
			if err := x.Snapshot(x.ctx, x.To, io.Discard); err == nil {
				x.Errorf("broken off behind %d bytes there is no error", length)
			}
		}
	}},
	{"Snapshot is fs.ErrNotExist if there is none", func(x *asking) {
		x.other.snapshot.Store(func(io.Writer) error { return &fs.PathError{Op: "open", Path: "snapshots", Err: fs.ErrNotExist} })
		if err := x.Snapshot(x.ctx, x.To, io.Discard); !errors.Is(err, fs.ErrNotExist) {
			x.Errorf("it is %v", err)
		}
	}},
	{"Snapshot ends if it cannot be written", func(x *asking) {
		x.other.snapshot.Store(func(to io.Writer) error {
			_, err := to.Write(pattern(300_000, 5))
			return err
		})
		if err := x.Snapshot(x.ctx, x.To, writer(func([]byte) (int, error) { return 0, errAny })); !errors.Is(err, errAny) {
			x.Errorf("it is %v", err)
		}
	}},
	{"Any number of goroutines may call it", func(x *asking) {
		x.other.propose.Store(func(cluster.Proposal) error { return cluster.ErrMoved })
		x.hands(nil, pattern(70_000, 1))
		x.other.snapshot.Store(func(to io.Writer) error {
			_, err := to.Write(pattern(100_000, 2))
			return err
		})
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if err := x.Propose(x.ctx, x.proposal(1000)); !errors.Is(err, cluster.ErrMoved) {
					x.Error(err)
				}
			})
			all.Go(func() {
				if got, err := x.batchesBehind(1); err != nil || !same(got, [][]byte{pattern(70_000, 1)}) {
					x.Errorf("%d batches come, %v", len(got), err)
				}
			})
			all.Go(func() {
				var got bytes.Buffer
				if err := x.Snapshot(x.ctx, x.To, &got); err != nil || !bytes.Equal(got.Bytes(), pattern(100_000, 2)) {
					x.Errorf("%d bytes come, %v", got.Len(), err)
				}
			})
		}
		all.Wait()
	}},
}

var errAny = errors.New("an error of no kind")

// isSame compares what must arrive of a proposal.
func isSame(got, sent cluster.Proposal) bool {
	return got.To.Term == sent.To.Term && got.To.Incarnation == sent.To.Incarnation && got.Incarnation == sent.Incarnation &&
		got.Number == sent.Number && got.Applied == sent.Applied && got.Entries == sent.Entries && bytes.Equal(got.Payload, sent.Payload)
}
