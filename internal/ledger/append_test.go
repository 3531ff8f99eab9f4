package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
	"meterledger/internal/clustertest"
	"meterledger/internal/meter"
)

// mute is an engine that adds the first batch and never says so, as an etcd whose leader has died.
type mute struct {
	cluster.Engine

	head chain.Position
}

func (m *mute) Append(ctx context.Context, _ uint64, after chain.Position, batch []byte) (bool, cluster.View, error) {
	m.head = after.After(batch)
	<-ctx.Done()
	return false, cluster.View{}, ctx.Err()
}

func (m *mute) View(context.Context) (cluster.View, error) {
	return cluster.View{Head: m.head, Leader: cluster.Leader{Term: 7}}, nil
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

// electing is an engine that is without a leader of its own until some time. It says so to those who look, and loses the
// appends that come before.
type electing struct {
	*clustertest.Client
	until *atomic.Int64 // in ns
}

// waits waits until the engine has a leader, and reports whether it had one.
func (e electing) waits(ctx context.Context, most time.Duration) bool {
	left := time.Until(time.Unix(0, e.until.Load()))
	if left > 0 {
		pause(ctx, max(left, most))
	}
	return left <= 0
}

func (e electing) View(ctx context.Context) (cluster.View, error) {
	if !e.waits(ctx, 0) {
		return cluster.View{}, errors.New("leader changed")
	}
	return e.Client.View(ctx)
}

func (e electing) Append(ctx context.Context, term uint64, after chain.Position, batch []byte) (bool, cluster.View, error) {
	if !e.waits(ctx, 7*time.Second) {
		return false, cluster.View{}, errors.New("timed out")
	}
	return e.Client.Append(ctx, term, after, batch)
}

func TestABatchIsAddedAsSoonAsTheEngineHasALeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var until atomic.Int64
		s := openTrio(t, only("a", func(c *clustertest.Client) cluster.Engine { return electing{c, &until} }))
		for lasts := time.Second; lasts < 2*time.Second; lasts += 100 * time.Millisecond {
			began := time.Now()
			until.Store(began.Add(lasts).UnixNano())
			s.mustRegister(0, meter.ID(fmt.Sprint("M", lasts.Milliseconds())))
			if took := time.Since(began); took > lasts+3*appendAgain {
				t.Errorf("of an engine that elects for %v a caller is answered after %v", lasts, took)
			}
			time.Sleep(sayEvery)
		}
		if terms := s.terms(); terms[0] != 1 || terms[1]+terms[2] > 0 {
			t.Errorf("they have led %v times", terms)
		}
		s.end()
	})
}
