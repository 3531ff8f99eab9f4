package clustertest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
)

// Subject is an engine under test, which holds no order yet.
type Subject struct {
	A, B cluster.Engine // two connections to it, as of two processes
	Lose func()         // breaks the connection of A, if that can be done; else nil
}

// TestEngine tests each sentence of the docs of cluster.Engine, on an engine of its own. Run runs a test, in a
// bubble of testing/synctest if the engine is in memory; nil: as it is. A sentence that needs a time to
// pass waits for what follows of it, so that an engine may be slow.
func TestEngine(t *testing.T, run func(*testing.T, func(*testing.T)), open func(*testing.T) Subject) {
	if run == nil {
		run = func(t *testing.T, f func(*testing.T)) { f(t) }
	}
	for _, s := range slices.Concat(sentences, ofFounding, ofOrder, ofLeader, ofTail, ofNodes) {
		t.Run(s.says, func(t *testing.T) {
			run(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // a batch that never comes is no test that never ends
				x := &trial{T: t, Subject: open(t), ctx: ctx}
				defer x.streams.Wait()
				defer cancel()
				s.holds(x)
			})
		})
	}
}

// sentence is one of the docs, and how it is tried.
type sentence struct {
	says  string
	holds func(x *trial)
}

var sentences = []sentence{
	{"Any number of goroutines may call it", func(x *trial) {
		at := x.found()
		term := x.leads(x.A, nodeA, 0).Term
		added := make([]int, 8)
		var all sync.WaitGroup
		for n := range added {
			all.Go(func() {
				for at := at; at.Sequence < founding.Sequence+20; {
					ours, v, err := x.A.Append(x.ctx, term, at, batch(at, n))
					if ours {
						added[n]++
						v.Head = at.After(batch(at, n))
					}
					if err != nil || v.Head == at {
						x.Errorf("behind batch %d, its head, it adds nothing: %v", at.Sequence, err)
						return
					}
					at = v.Head
					x.must(x.B.Say(x.ctx, cluster.Status{Node: nodeB}))
					_, err = x.B.Nodes(x.ctx)
					x.must(err)
				}
			})
		}
		all.Wait()
		sum := 0
		for _, n := range added {
			sum += n
		}
		if head := x.view(x.B).Head.Sequence; uint64(sum) != head-founding.Sequence {
			x.Errorf("%d batches were added, and the head is %d behind the founding", sum, head-founding.Sequence)
		}
		x.tail(x.B, founding, sum)
	}},
}

// trial is one sentence being tried.
type trial struct {
	*testing.T
	Subject
	ctx     context.Context
	streams sync.WaitGroup
}

var (
	nodeA    = cluster.Node{Name: "a", Incarnation: 0xa, Address: "10.0.0.1:8100"}
	nodeB    = cluster.Node{Name: "b", Incarnation: 0xb, Address: "10.0.0.2:8100"}
	founding = chain.Position{Journal: chain.ID{1, 2, 3}, Sequence: 7, Hash: chain.Hash{4, 5, 6}}
	ordered  = cluster.Order{At: founding, Zone: "Asia/Singapore", Compressed: true, Again: true}
)

// batch is one that follows a position; of each number another one.
func batch(after chain.Position, number int) []byte {
	return chain.Encode(nil, after, binary.BigEndian.AppendUint64(nil, uint64(number)))
}

func (x *trial) must(err error) {
	if err != nil {
		x.Helper()
		x.Errorf("it is refused: %v", err)
	}
}

func (x *trial) is(err, target error) {
	if !errors.Is(err, target) {
		x.Helper()
		x.Errorf("the error is %v, not %v", err, target)
	}
}

func (x *trial) found() chain.Position {
	x.Helper()
	x.must(x.A.Found(x.ctx, ordered))
	return founding
}

func (x *trial) view(e cluster.Engine) cluster.View {
	x.Helper()
	v, err := e.View(x.ctx)
	x.must(err)
	return v
}

// leads makes a node the leader, which must succeed, and renews the term until something else ends it.
func (x *trial) leads(e cluster.Engine, n cluster.Node, instead uint64) cluster.Leader {
	x.Helper()
	leader := x.leadsOnce(e, n, instead)
	x.streams.Go(func() {
		for e.Renew(x.ctx, leader.Term) == nil {
			select {
			case <-x.ctx.Done():
			case <-time.After(cluster.LeaseTime / 6):
			}
		}
	})
	return leader
}

func (x *trial) leadsOnce(e cluster.Engine, n cluster.Node, instead uint64) cluster.Leader {
	x.Helper()
	v, err := e.Lead(x.ctx, n, instead)
	if err != nil || v.Leader.Node != n || v.Leader.Term == 0 {
		x.Fatalf("%s does not lead instead of term %d: %+v, %v", n.Name, instead, v, err)
	}
	return v.Leader
}

// adds appends so many batches, which must succeed, and returns the new head.
func (x *trial) adds(e cluster.Engine, term uint64, at chain.Position, batches int) chain.Position {
	x.Helper()
	for range batches {
		b := batch(at, 0)
		if added, v, err := e.Append(x.ctx, term, at, b); !added || err != nil {
			x.Fatalf("batch %d is not added: %+v, %v", at.Sequence+1, v, err)
		}
		at = at.After(b)
	}
	return at
}

// addsNot appends, which must not succeed, and returns what the engine says it holds.
func (x *trial) addsNot(e cluster.Engine, term uint64, at chain.Position) cluster.View {
	x.Helper()
	before := x.view(e)
	added, v, err := e.Append(x.ctx, term, at, batch(at, 99))
	x.must(err)
	if added || v != before || x.view(e) != before {
		x.Errorf("appended behind %d in term %d: added %t, the engine holds %+v, before %+v", at.Sequence, term, added, v, before)
	}
	return v
}

var errEnough = errors.New("enough")

// tail returns the next so many batches behind a position. Each must follow.
func (x *trial) tail(e cluster.Engine, at chain.Position, batches int) (got [][]byte) {
	x.Helper()
	if batches == 0 {
		return nil
	}
	after := at.Sequence
	err := e.Tail(x.ctx, after, func(b []byte) error {
		if _, err := at.Follow(b); err != nil {
			x.Errorf("batch %d behind %d: %v", len(got)+1, after, err)
		}
		at = at.After(b)
		if got = append(got, b); len(got) == batches {
			return errEnough
		}
		return nil
	})
	x.is(err, errEnough)
	return got
}

// cutAt is the first batch that is there, for who asks for what follows a sequence; 0 if that is not cut.
func (x *trial) cutAt(after uint64) uint64 {
	x.Helper()
	err := x.B.Tail(x.ctx, after, func([]byte) error { return errEnough })
	var cut *cluster.CutError
	if errors.As(err, &cut) {
		return cut.First
	}
	x.is(err, errEnough)
	return 0
}

// eventually waits until something is so.
func (x *trial) eventually(what string, so func() bool) {
	x.Helper()
	for begun := time.Now(); !so(); {
		if time.Since(begun) > time.Minute {
			x.Fatalf("after a minute it is not so that %s", what)
		}
		select {
		case <-x.ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// during keeps something up for a time. It is false if the test was too slow: if more than most passed from one
// time to the next.
func (x *trial) during(all, most time.Duration, keep func()) bool {
	for begun, last := time.Now(), time.Now(); time.Since(begun) < all; {
		keep()
		if time.Since(last) > most {
			return false
		}
		last = time.Now()
		select {
		case <-x.ctx.Done():
		case <-time.After(most / 4):
		}
	}
	return true
}

// ends checks that a stream ends with an error once something is done.
func (x *trial) ends(stream func(ctx context.Context) error, target error, end func(cancel func())) {
	x.Helper()
	ctx, cancel := context.WithCancel(x.ctx)
	defer cancel()
	ended := make(chan error, 1)
	x.streams.Go(func() { ended <- stream(ctx) })
	end(cancel)
	if err := <-ended; err == nil || x.ctx.Err() != nil || target != nil && !errors.Is(err, target) {
		x.Errorf("it ended with %v, not %v", err, target)
	}
}

func same(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }
