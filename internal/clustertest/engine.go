// Package clustertest is what stands in for the network, the engine and the peers of several nodes in
// tests: an engine and a network in memory, which do all that real ones may do wrong, by a seed, and
// the suite that every engine passes.
//
// All of it goes by the time of package time, so that in a bubble of testing/synctest an hour takes no time.
package clustertest

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
)

// Engine keeps the order of one cluster in memory. Nodes reach it through a Client.
type Engine struct {
	seed uint64

	mu       sync.Mutex    // guards what follows
	changed  chan struct{} // closed when anything did
	restored int           // how often the engine was rolled back
	revision uint64        // rises with what terms and lives are named by
	order    []record      // every batch since the founding, also those cut
	begin    chain.Position
	state
	nodes map[string]life
}

// state is what a backup of the engine holds, besides batches.
type state struct {
	founded bool
	leader  cluster.Leader
	until   time.Time // when the leader's term ends, if it is not renewed
	head    chain.Position
	first   uint64 // sequence of the oldest batch that was not cut, or of the next one
	halted  uint64
}

type record struct {
	batch []byte
	state // behind it
}

type life struct {
	cluster.Seen
	until time.Time
}

// NewEngine returns an engine that holds no order. Faults of its clients come by the seed.
func NewEngine(seed uint64) *Engine {
	return &Engine{seed: seed, changed: make(chan struct{}), nodes: map[string]life{}}
}

// do makes one step: nothing else happens meanwhile, and what has run out has ended before.
func (e *Engine) do(step func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	if e.leader.Term != 0 && !now.Before(e.until) {
		e.lead(cluster.Leader{}, time.Time{})
	}
	for name, l := range e.nodes {
		if !now.Before(l.until) {
			delete(e.nodes, name)
		}
	}
	step()
}

// backups returns how often the engine was rolled back.
func (e *Engine) backups() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.restored
}

// untilNobodyLeads is 0 if nobody leads now.
func (e *Engine) untilNobodyLeads() time.Duration {
	if e.leader.Term == 0 {
		return 0
	}
	return time.Until(e.until)
}

// tell wakes whoever waits for a change.
func (e *Engine) tell() {
	close(e.changed)
	e.changed = make(chan struct{})
}

func (e *Engine) lead(l cluster.Leader, until time.Time) {
	e.leader, e.until = l, until
	e.tell()
}

func (e *Engine) view() cluster.View {
	return cluster.View{Leader: e.leader, Head: e.head, Halted: e.halted}
}

// begun is ErrNotFounded before Found.
func (e *Engine) begun() error {
	if !e.founded {
		return cluster.ErrNotFounded
	}
	return nil
}

// leads is ErrOver if a term is not that of the present leader.
func (e *Engine) leads(term uint64) error {
	if term == 0 || e.leader.Term != term {
		return cluster.ErrOver
	}
	return nil
}

func (e *Engine) found(at chain.Position) error {
	if e.founded {
		return cluster.ErrFounded
	}
	e.founded, e.begin, e.head, e.first = true, at, at, at.Sequence+1
	e.tell()
	return nil
}

func (e *Engine) takeTerm(n cluster.Node, instead uint64, until time.Time) (cluster.View, error) {
	if err := e.begun(); err != nil {
		return cluster.View{}, err
	}
	if e.leader.Term == instead && e.halted == 0 {
		e.revision++
		e.lead(cluster.Leader{Node: n, Term: e.revision}, until)
	}
	return e.view(), nil
}

func (e *Engine) add(term uint64, after chain.Position, batch []byte) (bool, cluster.View, error) {
	if err := e.begun(); err != nil {
		return false, cluster.View{}, err
	}
	if e.leads(term) != nil || e.head != after { // while it is halted nobody leads
		return false, e.view(), nil
	}
	e.revision++
	e.head = after.After(batch)
	e.order = append(e.order, record{batch: batch, state: e.state})
	e.tell()
	return true, cluster.View{}, nil
}

func (e *Engine) renew(term uint64, until time.Time) error {
	if err := e.leads(term); err != nil {
		return err
	}
	if until.After(e.until) {
		e.until = until
	}
	return nil
}

func (e *Engine) resign(term uint64) {
	if e.leads(term) == nil {
		e.lead(cluster.Leader{}, time.Time{})
	}
}

func (e *Engine) halt(copied uint64) error {
	if err := e.begun(); err != nil {
		return err
	}
	e.halted = max(e.halted, copied)
	e.lead(cluster.Leader{}, time.Time{})
	return nil
}

func (e *Engine) cut(term, upTo uint64, counted []cluster.Seen) error {
	if err := e.leads(term); err != nil {
		return err
	}
	for _, c := range counted {
		if l, there := e.nodes[c.Name]; !there || l.Since != c.Since {
			return cluster.ErrGone
		}
	}
	e.first = max(e.first, min(upTo, e.head.Sequence)+1)
	return nil
}

func (e *Engine) say(s cluster.Status, until time.Time) error {
	l, there := e.nodes[s.Name]
	switch {
	case there && l.Incarnation != s.Incarnation:
		return cluster.ErrNameTaken
	case !there:
		e.revision++
		l.Since = e.revision
	case l.until.After(until):
		until = l.until
	}
	e.nodes[s.Name] = life{Seen: cluster.Seen{Status: s, Since: l.Since}, until: until}
	return nil
}

func (e *Engine) live() (seen []cluster.Seen) {
	for _, l := range e.nodes {
		seen = append(seen, l.Seen)
	}
	slices.SortFunc(seen, func(a, b cluster.Seen) int { return cmp.Compare(a.Name, b.Name) })
	return seen
}

// next returns the batch behind a sequence, nil if it has not come yet.
func (e *Engine) next(after uint64) ([]byte, error) {
	switch {
	case !e.founded:
		return nil, cluster.ErrNotFounded
	case after+1 < e.first:
		return nil, &cluster.CutError{First: e.first}
	case after >= e.head.Sequence:
		return nil, nil
	}
	return bytes.Clone(e.order[after-e.begin.Sequence].batch), nil
}
