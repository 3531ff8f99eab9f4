package ledger

import (
	"context"
	"fmt"
	"time"

	"meterledger/internal/cluster"
	"meterledger/internal/mutant"
	"meterledger/internal/store"
)

// propose queues a proposal, as cluster.Peers has it. The node that proposes may be a little ahead of this one.
func (l *leader) propose(ctx context.Context, p cluster.Proposal) error {
	if l.applied.load() < p.Applied && l.leadsIn(p.To) {
		ctx, done := context.WithTimeout(ctx, behindMax)
		defer done()
		_ = l.applied.wait(ctx, p.Applied)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.leadsInLocked(p.To) {
		return cluster.ErrMoved
	}
	last := l.table[p.Incarnation]
	switch {
	case p.Number <= last:
		return nil // it came before
	case p.Number > last+1:
		return fmt.Errorf("%w: proposal %d comes behind proposal %d", cluster.ErrMoved, p.Number, last)
	case l.bytes+len(p.Payload) > queuedMax || l.applied.load() < p.Applied || l.isFull():
		return cluster.ErrFull
	}
	if err := l.check(p); err != nil {
		return fmt.Errorf("%w: %v", cluster.ErrRefused, err)
	}
	l.table[p.Incarnation] = p.Number
	l.queue, l.bytes = append(l.queue, p), l.bytes+len(p.Payload)
	select {
	case l.filled <- struct{}{}:
	default:
	}
	return nil
}

func (l *leader) leadsIn(to cluster.Leader) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leadsInLocked(to)
}

func (l *leader) leadsInLocked(to cluster.Leader) bool {
	return l.term.Term != 0 && (to.Term == l.term.Term && to.Incarnation == l.term.Incarnation || mutant.OtherTermTaken)
}

// check makes sure that every node can apply a proposal.
func (l *leader) check(p cluster.Proposal) error {
	if len(p.Payload) > commitBytesMax {
		return fmt.Errorf("a proposal of %d bytes", len(p.Payload))
	}
	entries, err := l.store.Check(p.Payload, p.Incarnation == l.self.Incarnation)
	if err == nil && entries != p.Entries {
		err = fmt.Errorf("a proposal of %d entries says that it has %d", entries, p.Entries)
	}
	return err
}

// take returns the payload of the next batch, once something was proposed.
func (l *leader) take(ctx context.Context) ([]byte, error) {
	for {
		payload, gathering := l.join(time.Now())
		if payload != nil {
			return payload, nil
		}
		var ripe <-chan time.Time
		if gathering > 0 {
			ripe = time.After(gathering)
		} else {
			l.since.clear()
		}
		select {
		case <-l.filled:
		case <-ripe:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		l.since.set(time.Now())
	}
}

// join takes proposals from the queue, as many as go into one batch; nil if there are none, or if more are to be gathered
// for some time.
func (l *leader) join(now time.Time) (payload []byte, gathering time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		return nil, 0
	}
	if gathering = l.ripe.Sub(now); gathering > 0 && l.bytes < gatheredBytes {
		return nil, gathering
	}
	var origins []store.Origin
	bytes, entries := 0, 0
	for _, p := range l.queue {
		if bytes > 0 && bytes+len(p.Payload) > cluster.BatchBytesMax {
			break
		}
		bytes += len(p.Payload)
		entries += p.Entries
		origins = append(origins, store.Origin{Incarnation: p.Incarnation, Number: p.Number, Entries: uint32(p.Entries)})
	}
	if entries >= manyEntries {
		l.ripe = now.Add(gatherTime)
	}
	payload = store.AppendContents(nil, origins)
	for _, p := range l.queue[:len(origins)] {
		payload = append(payload, p.Payload...)
	}
	l.queue, l.bytes = l.queue[len(origins):], l.bytes-bytes
	return payload, 0
}
