package etcd_test

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
	"meterledger/internal/etcd"
)

var (
	founding = chain.Position{Journal: chain.ID{1, 2, 3}, Sequence: 7, Hash: chain.Hash{4, 5, 6}}
	nodeA    = cluster.Node{Name: "a", Incarnation: 0xa, Address: "10.0.0.1:8100"}
	nodeB    = cluster.Node{Name: "b", Incarnation: 0xb, Address: "10.0.0.2:8100"}
)

// callMax is how long a call may take before the same is asked again.
const callMax = 2 * time.Second

// appender adds batches as a leading node does: what is unknown it asks again.
type appender struct {
	testing.TB
	*etcd.Engine
	bytes  int // of a payload
	term   uint64
	end    chain.Position
	number uint64            // of the payload, never the same twice
	added  map[uint64][]byte // what was confirmed, by sequence
}

func newAppender(t testing.TB, e *etcd.Engine, bytes int) *appender {
	t.Helper()
	if err := e.Found(t.Context(), cluster.Order{At: founding}); err != nil {
		t.Fatal(err)
	}
	a := &appender{TB: t, Engine: e, bytes: bytes, added: map[uint64][]byte{}}
	a.lead()
	return a
}

func once[T any](t testing.TB, call func(ctx context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(t.Context(), callMax)
	defer cancel()
	return call(ctx)
}

// again asks until there is an answer.
func again[T any](t testing.TB, call func(ctx context.Context) (T, error)) T {
	t.Helper()
	for begun := time.Now(); ; <-time.After(20 * time.Millisecond) {
		answer, err := once(t, call)
		if err == nil {
			return answer
		}
		if time.Since(begun) > time.Minute {
			t.Fatalf("for a minute there is no answer: %v", err)
		}
	}
}

// lead takes the term, from whoever has it.
func (a *appender) lead() {
	a.Helper()
	for a.term = 0; a.term == 0; {
		old := again(a, a.View)
		v := again(a, func(ctx context.Context) (cluster.View, error) { return a.Lead(ctx, nodeA, old.Leader.Term) })
		if v.Leader.Node == nodeA {
			a.term, a.end = v.Leader.Term, v.Head
		}
	}
}

// renew keeps the terms of the appender from ending by themselves until the test ends.
func (a *appender) renew() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	a.Cleanup(func() {
		cancel()
		<-ended
	})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			short, done := context.WithTimeout(ctx, time.Second)
			if v, err := a.View(short); err == nil {
				_ = a.Renew(short, v.Leader.Term)
			}
			done()
			select {
			case <-ctx.Done():
			case <-time.After(cluster.LeaseTime / 6):
			}
		}
	}()
}

func (a *appender) next() []byte {
	a.number++
	payload := make([]byte, max(8, a.bytes))
	binary.BigEndian.PutUint64(payload, a.number)
	return chain.Encode(nil, a.end, payload)
}

// errOver: the term of the appender has ended; what became of its last batch it does not know.
var errOver = errors.New("the term is over")

// add adds one batch, or comes to know that it cannot.
func (a *appender) add() error {
	a.Helper()
	batch := a.next()
	for begun := time.Now(); ; <-time.After(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), callMax)
		added, v, err := a.Append(ctx, a.term, a.end, batch)
		cancel()
		switch end := a.end.After(batch); {
		case err == nil && (added || v.Head == end && v.Leader.Term == a.term):
			a.end, a.added[end.Sequence] = end, batch
			return nil
		case err == nil && v.Leader.Term != a.term:
			return errOver
		case err == nil:
			a.Fatalf("behind batch %d nothing is added, and the engine holds %+v", a.end.Sequence, v)
		case errors.Is(err, cluster.ErrRefused):
			return err
		case time.Since(begun) > time.Minute:
			a.Fatalf("for a minute it is not known whether batch %d was added: %v", a.end.Sequence+1, err)
		}
	}
}

var errEnough = errors.New("enough")

// check reads the whole order back: it is a chain, has what was confirmed where it was confirmed, and nothing twice.
func (a *appender) check(from *etcd.Engine) {
	a.Helper()
	head := again(a, from.View).Head
	at, seen := founding, map[uint64]bool{}
	for at.Sequence < head.Sequence {
		err := from.Tail(a.Context(), at.Sequence, func(batch []byte) error {
			payload, err := at.Follow(batch)
			if err != nil {
				return err
			}
			at = at.After(batch)
			number := binary.BigEndian.Uint64(payload)
			if want := a.added[at.Sequence]; want != nil && string(want) != string(batch) {
				a.Errorf("batch %d is not the one that was confirmed", at.Sequence)
			}
			if seen[number] {
				a.Errorf("payload %d is there twice", number)
			}
			if seen[number] = true; at.Sequence == head.Sequence {
				return errEnough
			}
			return nil
		})
		if !errors.Is(err, errEnough) {
			a.Fatalf("behind batch %d: %v", at.Sequence, err)
		}
	}
	for sequence := range a.added {
		if sequence > head.Sequence {
			a.Errorf("batch %d was confirmed, and the order ends with batch %d", sequence, head.Sequence)
		}
	}
	if at != head {
		a.Errorf("the order ends with %v, and the head is %v", at, head)
	}
}
