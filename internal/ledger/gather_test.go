package ledger

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"meterledger/internal/cluster"
	"meterledger/internal/store"
)

// proposed is a proposal of some entries, of so many bytes in all.
func proposed(entries, bytes int) cluster.Proposal {
	return cluster.Proposal{Incarnation: 1, Number: 1, Entries: entries, Payload: make([]byte, bytes)}
}

// queueUp puts proposals where propose puts them.
func (l *leader) queueUp(all ...cluster.Proposal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range all {
		l.queue, l.bytes = append(l.queue, p), l.bytes+len(p.Payload)
	}
	select {
	case l.filled <- struct{}{}:
	default:
	}
}

// TestABatchGathersWhereTheLastOneHadMany looks when the next batch begins, and what is in it.
func TestABatchGathersWhereTheLastOneHadMany(t *testing.T) {
	for _, c := range []struct {
		name        string
		first, next cluster.Proposal
		waits       time.Duration
		origins     int // of the next
	}{
		{"many wait", proposed(manyEntries, 100), proposed(1, 10), gatherTime, 2},
		{"few wait", proposed(manyEntries-1, 100), proposed(1, 10), 0, 1},
		{"much is there", proposed(manyEntries, 100), proposed(1, gatheredBytes), 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &leader{filled: make(chan struct{}, 1)}
				l.queueUp(c.first)
				take := func() (origins []store.Origin) {
					payload, err := l.take(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					origins, _, ok := store.ReadContents(payload)
					if !ok {
						t.Fatalf("the payload begins with %d", payload[0])
					}
					return origins
				}
				take()
				began := time.Now()
				l.queueUp(c.next)
				time.AfterFunc(gatherTime/2, func() { l.queueUp(proposed(1, 10)) })
				if origins := take(); len(origins) != c.origins || time.Since(began) != c.waits {
					t.Errorf("the next batch begins after %v with %d proposals, not after %v with %d", time.Since(began), len(origins), c.waits, c.origins)
				}
			})
		})
	}
}

// TestALeaderWaitsForWhatAProposingNodeHas has a node propose that has applied more than the one that leads.
func TestALeaderWaitsForWhatAProposingNodeHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openTrio(t)
		leader := s.members[s.leads()]
		ahead := cluster.Proposal{Incarnation: 5, Number: 1, Entries: 1, Payload: store.AppendReception(nil, true), Applied: leader.shared.tail.applied.load() + 1}
		ahead.To, _, _ = leader.shared.term.leads()

		began := time.Now()
		if err := leader.Propose(t.Context(), ahead); !errors.Is(err, cluster.ErrFull) || time.Since(began) != behindMax {
			t.Errorf("where it never comes the answer is %v after %v", err, time.Since(began))
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if err := leader.Propose(gone, ahead); !errors.Is(err, cluster.ErrFull) {
			t.Errorf("a node that waits no longer is answered %v", err)
		}
		answer := make(chan error, 1)
		go func() { answer <- leader.Propose(t.Context(), ahead) }()
		synctest.Wait()
		s.mustRegister(0, "M")
		if err := <-answer; err != nil {
			t.Errorf("once it has come the answer is %v", err)
		}
		s.mustRegister(0, "N") // behind it
		s.end()
	})
}

// TestCopiesAreGathered looks which batches are copied together.
func TestCopiesAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &follower{copies: make(chan []byte, 2*copiesMax)}
		gather := func() int { return len(f.gatherCopies(<-f.copies)) }

		f.copies <- []byte("1")
		time.AfterFunc(copyTime/2, func() { f.copies <- []byte("2") })
		time.AfterFunc(2*copyTime, func() { f.copies <- []byte("3") })
		if got := []int{gather(), gather()}; !slices.Equal(got, []int{2, 1}) {
			t.Errorf("%v batches are copied together", got)
		}
		for range copiesMax + 1 {
			f.copies <- []byte("4")
		}
		began := time.Now()
		if n := gather(); n != copiesMax || time.Since(began) > 0 {
			t.Errorf("of many %d are copied together, after %v", n, time.Since(began))
		}
		close(f.copies)
		if n := gather(); n != 1 || time.Since(began) > 0 {
			t.Errorf("at the end %d are copied together, after %v", n, time.Since(began))
		}
	})
}
