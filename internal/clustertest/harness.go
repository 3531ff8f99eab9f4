package clustertest

import (
	"fmt"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
)

// Order returns where the order begins, and every batch since, also those that were cut.
func (e *Engine) Order() (begin chain.Position, batches [][]byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.order {
		batches = append(batches, r.batch)
	}
	return e.begin, batches
}

// Expire ends the present term at once, as an engine may that is in trouble itself.
func (e *Engine) Expire() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lead(cluster.Leader{}, time.Time{})
}

// RollBack makes the engine what a backup of it holds that was made when a batch was its head: who led
// then leads, what was added since is lost, every connection breaks, and no node is known. Terms
// do not come again. A sequence of which there is no backup, before the founding or
// behind the head, is an error.
func (e *Engine) RollBack(sequence uint64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch begin := e.begin.Sequence; {
	case !e.founded || sequence < begin || sequence > e.head.Sequence:
		return fmt.Errorf("there is no backup at batch %d", sequence)
	case sequence == begin:
		e.order, e.state = nil, state{founded: true, head: e.begin, first: begin + 1}
	default:
		e.order = e.order[:sequence-begin]
		e.state = e.order[len(e.order)-1].state
	}
	clear(e.nodes)
	e.restored++
	e.lead(e.leader, time.Now().Add(cluster.LeaseTime))
	return nil
}

// Heal puts batches back that an engine has lost, and lifts the halt once the last of them is there.
// It is an error if one does not follow.
func (e *Engine) Heal(missing ...[]byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, batch := range missing {
		if _, err := e.head.Follow(batch); err != nil {
			return err
		}
		e.head = e.head.After(batch)
		e.order = append(e.order, record{batch: batch, state: e.state})
	}
	if e.head.Sequence >= e.halted {
		e.halted = 0
	}
	e.tell()
	return nil
}
