package clustertest

import (
	"errors"
	"testing"
	"testing/synctest"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
)

func TestAnEngineThatIsRolledBackHasLostWhatCameSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := NewEngine(1)
		c := e.Client("a")
		at := chain.Position{Journal: chain.ID{1}}
		if err := c.Found(t.Context(), at); err != nil {
			t.Fatal(err)
		}
		v, err := c.Lead(t.Context(), cluster.Node{Name: "a", Incarnation: 7}, 0)
		if err != nil {
			t.Fatal(err)
		}
		var heads []chain.Position
		for n := range byte(5) {
			batch := chain.Encode(nil, at, []byte{n})
			if added, _, err := c.Append(t.Context(), v.Leader.Term, at, batch); !added || err != nil {
				t.Fatal(added, err)
			}
			at = at.After(batch)
			heads = append(heads, at)
		}
		broken := make(chan error)
		go func() { broken <- c.Tail(t.Context(), 5, func([]byte) error { return nil }) }()
		synctest.Wait()
		if err := e.RollBack(3); err != nil {
			t.Fatal(err)
		}
		if err := <-broken; err == nil {
			t.Error("a tail goes on")
		}
		if got, err := c.View(t.Context()); err != nil || got.Head != heads[2] || got.Leader != v.Leader {
			t.Errorf("it holds %+v, %v", got, err)
		}
		if err := c.Halt(t.Context(), 5); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Lead(t.Context(), cluster.Node{Name: "b"}, 0); err != nil || got.Leader.Term != 0 || got.Halted != 5 {
			t.Errorf("halted, it holds %+v, %v", got, err)
		}
		if err := c.Renew(t.Context(), v.Leader.Term); !errors.Is(err, cluster.ErrOver) {
			t.Errorf("the term goes on: %v", err)
		}
	})
}
