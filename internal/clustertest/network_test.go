package clustertest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"meterledger/internal/cluster"
)

// node is a server that remembers what it is asked.
type node struct {
	mu       sync.Mutex // guards what follows
	numbers  []uint64
	payloads [][]byte
	answer   error
}

func (n *node) Propose(_ context.Context, p cluster.Proposal) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.numbers = append(n.numbers, p.Number)
	n.payloads = append(n.payloads, p.Payload)
	return n.answer
}

func (n *node) Batches(after uint64, take func([]byte) error) error {
	if after == 0 {
		return &cluster.CutError{First: 5}
	}
	for number := range byte(3) {
		if err := take([]byte{byte(after), number}); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) Snapshot(to io.Writer) error {
	for range 3 {
		if _, err := io.WriteString(to, "piece "); err != nil {
			return err
		}
	}
	return nil
}

// network runs a test with two nodes, a and b, that are on a network.
func network(t *testing.T, f func(t *testing.T, n *Network, b *node, toB, toA cluster.Peers)) {
	synctest.Test(t, func(t *testing.T) {
		n, b := NewNetwork(1), new(node)
		n.Serve("a", new(node))
		n.Serve("b", b)
		f(t, n, b, n.Peers("a"), n.Peers("b"))
	})
}

func toNode(address string, number uint64) cluster.Proposal {
	return cluster.Proposal{To: cluster.Leader{Node: cluster.Node{Address: address}}, Number: number, Payload: []byte("payload")}
}

func TestAProposalArrives(t *testing.T) {
	network(t, func(t *testing.T, _ *Network, b *node, toB, _ cluster.Peers) {
		p := toNode("b", 7)
		if err := toB.Propose(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		clear(p.Payload) // is the sender's again
		if !slices.Equal(b.numbers, []uint64{7}) || string(b.payloads[0]) != "payload" {
			t.Errorf("it arrives as %v, %q", b.numbers, b.payloads)
		}
		b.answer = cluster.ErrMoved
		if err := toB.Propose(t.Context(), p); !errors.Is(err, cluster.ErrMoved) {
			t.Errorf("it is answered with %v", err)
		}
		if err := toB.Propose(t.Context(), toNode("nowhere", 1)); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("where nobody serves it is answered with %v", err)
		}
	})
}

func TestAProposalThatIsLateMeetsWhoServesThen(t *testing.T) {
	network(t, func(t *testing.T, n *Network, b *node, toB, _ cluster.Peers) {
		n.Set("a", "b", Faults{Late: 1, LateMax: time.Second})
		if err := toB.Propose(t.Context(), toNode("b", 7)); err == nil || errors.Is(err, cluster.ErrRefused) {
			t.Errorf("it is answered with %v", err)
		}
		next := new(node)
		n.Serve("b", next)
		time.Sleep(time.Second)
		synctest.Wait()
		if len(b.numbers) != 0 || !slices.Equal(next.numbers, []uint64{7}) {
			t.Errorf("it met the one before with %v, the one after with %v", b.numbers, next.numbers)
		}
	})
}

func TestAProposalMayArriveTwice(t *testing.T) {
	network(t, func(t *testing.T, n *Network, b *node, toB, _ cluster.Peers) {
		n.Set("a", "b", Faults{Repeats: 1, LateMax: time.Second})
		if err := toB.Propose(t.Context(), toNode("b", 7)); err != nil {
			t.Fatal(err)
		}
		n.Set("a", "b", Faults{})
		if err := toB.Propose(t.Context(), toNode("b", 8)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if !slices.Equal(b.numbers, []uint64{7, 8, 7}) {
			t.Errorf("what arrives is %v", b.numbers)
		}
	})
}

func TestANetworkMayBePartedOneWay(t *testing.T) {
	network(t, func(t *testing.T, n *Network, b *node, toB, toA cluster.Peers) {
		n.Set("a", "b", Faults{Link: Drops})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := toB.Propose(ctx, toNode("b", 7)); !errors.Is(err, context.DeadlineExceeded) || len(b.numbers) != 0 {
			t.Errorf("there it arrives as %v: %v", b.numbers, err)
		}
		if err := toA.Propose(t.Context(), toNode("a", 7)); err != nil {
			t.Errorf("back it does not arrive: %v", err)
		}
	})
}

func TestBatchesAndSnapshotsComeUntilTheyBreakOff(t *testing.T) {
	network(t, func(t *testing.T, n *Network, _ *node, toB, _ cluster.Peers) {
		from := cluster.Node{Address: "b"}
		ask := func() (batches [][]byte, snapshot string, err error) {
			err = toB.Batches(t.Context(), from, 4, func(b []byte) error {
				batches = append(batches, b)
				return nil
			})
			var to bytes.Buffer
			snapshotErr := toB.Snapshot(t.Context(), from, &to)
			if errors.Is(err, syscall.ECONNRESET) != errors.Is(snapshotErr, syscall.ECONNRESET) {
				t.Errorf("one breaks off, the other does not: %v, %v", err, snapshotErr)
			}
			return batches, to.String(), err
		}
		if batches, snapshot, err := ask(); err != nil || !same(batches, [][]byte{{4, 0}, {4, 1}, {4, 2}}) || snapshot != "piece piece piece " {
			t.Errorf("they are %v and %q, %v", batches, snapshot, err)
		}
		var cut *cluster.CutError
		if err := toB.Batches(t.Context(), from, 0, nil); !errors.As(err, &cut) || cut.First != 5 {
			t.Errorf("what was cut is %v", err)
		}
		n.Set("a", "b", Faults{Breaks: 1})
		if batches, snapshot, err := ask(); !errors.Is(err, syscall.ECONNRESET) || len(batches) != 0 || snapshot != "" {
			t.Errorf("broken off, they are %v and %q, %v", batches, snapshot, err)
		}
	})
}
