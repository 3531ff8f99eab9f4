// Package clustertest is what stands in for the engine and the network of several nodes in tests: both
// in memory, doing by a seed what real ones may do wrong; and it is the suite that every engine passes.
//
// All of it goes by the time of package time, so that in a bubble of testing/synctest an hour takes no time.
package clustertest

import (
	"fmt"
	"sync"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
)

// Engine keeps the order of one cluster in memory. Processes reach it through a Client each; what
// else can be done to an engine are its methods.
type Engine struct {
	seed uint64
	id   cluster.EngineID

	mu       sync.Mutex    // guards what follows
	changed  chan struct{} // closed when anything has
	restored int           // how often the engine was rolled back
	full     bool          // takes no batch
	max      int64         // bytes of batches that it says it may take; 0 if it does not say
	revision uint64        // rises with every change; terms and lives are named by it
	lost     uint64        // how far behind that Identity is, since the engine was rolled back
	founding cluster.Order
	begun    state    // when the order was founded
	order    []record // every batch since the founding, also those that were cut
	state
	nodes map[string]life
}

// state is what a backup of the engine holds besides batches.
type state struct {
	at      cluster.Revision // when it was so
	founded bool
	left    *cluster.LeftError // if the order has ended; then it is not founded
	leader  cluster.Leader
	until   time.Time // when the leader's term ends by itself
	head    chain.Position
	first   uint64 // sequence of the oldest batch that was not cut, or of the next one
	halted  uint64
}

type record struct {
	batch []byte
	state // with the batch as its head
}

// life is a node that is known, as long as it says something in time.
type life struct {
	cluster.Seen
	until time.Time
}

// NewEngine returns an engine that holds no order. Faults of its clients come by the seed.
func NewEngine(seed uint64) *Engine {
	id := cluster.EngineID(newSource(seed, "engine").Uint64() | 1)
	return &Engine{seed: seed, id: id, changed: make(chan struct{}), nodes: map[string]life{}}
}

// Order returns where the order begins, and every batch since, also those that were cut.
func (e *Engine) Order() (begin chain.Position, batches [][]byte) {
	e.do(func() {
		begin = e.founding.At
		for _, r := range e.order {
			batches = append(batches, r.batch)
		}
	})
	return begin, batches
}

// End returns the sequence of the newest batch; 0 if there is no order.
func (e *Engine) End() (sequence uint64) {
	e.do(func() { sequence = e.head.Sequence })
	return sequence
}

// Expire ends the present term at once, as an engine may that is in trouble itself.
func (e *Engine) Expire() {
	e.do(func() { e.setLeader(cluster.Leader{}, time.Time{}) })
}

// Prolong begins the time of the term and of what nodes have said anew, as an engine does that changes its own leader.
func (e *Engine) Prolong() {
	e.do(func() {
		now := time.Now()
		e.until = later(e.until, now.Add(cluster.LeaseTime))
		for name, l := range e.nodes {
			l.until = later(l.until, now.Add(cluster.SayTime))
			e.nodes[name] = l
		}
	})
}

// Fill makes Append ErrRefused from now on, or no longer: the engine has no room, which an operator mends.
func (e *Engine) Fill(full bool) {
	e.do(func() { e.full = full })
}

// Limit has the engine say how many bytes it may take; 0 if it does not say.
func (e *Engine) Limit(bytes int64) {
	e.do(func() { e.max = bytes })
}

// RollBack makes the engine what a backup of it holds that was made when a batch was its head: who led
// then leads, what was added since is lost, every stream breaks, and no node is known. Terms
// do not come again. A sequence of which there is no backup, before the founding or
// behind the head, is an error. Its revision goes back too.
func (e *Engine) RollBack(sequence uint64) (err error) {
	e.do(func() {
		switch begin := e.founding.At.Sequence; {
		case !e.founded || sequence < begin || sequence > e.head.Sequence:
			err = fmt.Errorf("there is no backup at batch %d", sequence)
			return
		case sequence == begin:
			e.order, e.state = nil, e.begun
		default:
			e.order = e.order[:sequence-begin]
			e.state = e.order[len(e.order)-1].state
		}
		clear(e.nodes)
		e.lost = e.revision - uint64(e.at)
		e.restored++
		e.setLeader(e.leader, time.Now().Add(cluster.LeaseTime))
	})
	return err
}

// do makes one step: nothing else happens meanwhile, and what ends by itself has ended before.
func (e *Engine) do(step func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	if e.leader.Term != 0 && !now.Before(e.until) {
		e.setLeader(cluster.Leader{}, time.Time{})
	}
	for name, l := range e.nodes {
		if !now.Before(l.until) {
			delete(e.nodes, name)
		}
	}
	step()
}

// change names the next change, and wakes whoever waits for one.
func (e *Engine) change() uint64 {
	close(e.changed)
	e.changed = make(chan struct{})
	e.revision++
	return e.revision
}

// known is the revision that is known of the engine.
func (e *Engine) known() cluster.Revision { return cluster.Revision(e.revision - e.lost) }

func (e *Engine) setLeader(l cluster.Leader, until time.Time) {
	e.leader, e.until = l, until
	e.change()
}

func (e *Engine) add(batch []byte) {
	e.change()
	e.at, e.head = e.known(), e.head.After(batch)
	if e.head.Sequence >= e.halted {
		e.halted = 0
	}
	e.order = append(e.order, record{batch: batch, state: e.state})
}

// isAbsent reports whether there is no batch of a sequence, be it that it was cut.
func (e *Engine) isAbsent(sequence uint64) bool {
	return sequence < e.first || sequence > e.head.Sequence
}

func (e *Engine) view() cluster.View {
	return cluster.View{Leader: e.leader, Head: e.head, Halted: e.halted}
}

func (e *Engine) mustBeFounded() error {
	switch {
	case e.left != nil:
		return e.left
	case !e.founded:
		return cluster.ErrNotFounded
	}
	return nil
}

func (e *Engine) mustLead(term uint64) error {
	if term == 0 || term != e.leader.Term {
		return cluster.ErrOver
	}
	return nil
}
