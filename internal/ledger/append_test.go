package ledger

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
)

// mute is an engine that adds the first batch and never says so, as an etcd whose leader has died.
type mute struct {
	cluster.Engine

	head chain.Position
}

func (m *mute) Append(ctx context.Context, term uint64, after chain.Position, batch []byte) (bool, cluster.View, error) {
	if m.head.Sequence > after.Sequence {
		return false, cluster.View{Head: m.head, Leader: cluster.Leader{Term: term}}, nil
	}
	m.head = after.After(batch)
	<-ctx.Done()
	return false, cluster.View{}, ctx.Err()
}

func TestALeaderAsksAgainWhatIsNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, begun := &mute{}, time.Now()
		l := &leader{engine: engine, receive: func(context.Context, []byte) error { return nil }}
		end, err := l.append(t.Context(), 7, chain.Position{}, []byte("payload"))
		if err != nil || end != engine.head {
			t.Errorf("the batch ends at %v, want %v, %v", end, engine.head, err)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("after %s, when its lease will soon end", took)
		}
	})
}
