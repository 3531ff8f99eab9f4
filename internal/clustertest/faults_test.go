package clustertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
)

// faulty runs a test with a leader's connection and a good one, to an engine with an order of so many batches.
func faulty(t *testing.T, batches int, f func(t *testing.T, e *Engine, c, good *Client, l cluster.Leader, head chain.Position)) {
	synctest.Test(t, func(t *testing.T) {
		e := NewEngine(1)
		c := e.Client("a")
		x := &trial{T: t, Subject: Subject{A: c, B: e.Client("b")}, ctx: t.Context()}
		at := x.found()
		l := x.leads(x.A, nodeA, 0)
		f(t, e, c, e.Client("good"), l, x.adds(x.A, l.Term, at, batches))
	})
}

func holds(t *testing.T, c *Client, want chain.Position) {
	t.Helper()
	if v, err := c.View(t.Context()); err != nil || v.Head != want {
		t.Errorf("the head is batch %d, not %d: %v", v.Head.Sequence, want.Sequence, err)
	}
}

func TestACallMayFailBeforeItsStepAfterItOrLongBefore(t *testing.T) {
	for name, c := range map[string]struct {
		faults      Faults
		done, later bool
	}{
		"lost before":   {Faults{LostBefore: 1}, false, false},
		"lost after":    {Faults{LostAfter: 1}, true, true},
		"late":          {Faults{Late: 1, LateMax: 2 * time.Second}, false, true},
		"refused":       {Faults{Link: Refuses}, false, false},
		"dropped":       {Faults{Link: Drops}, false, false},
		"not answered":  {Faults{Link: DropsAnswers}, true, true},
		"slow and lost": {Faults{LostAfter: 1, DelayMax: time.Second}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			faulty(t, 0, func(t *testing.T, _ *Engine, client, good *Client, l cluster.Leader, at chain.Position) {
				client.Set(c.faults)
				ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
				defer cancel()
				added, _, err := client.Append(ctx, l.Term, at, batch(at, 1))
				hangs := c.faults.Link == Drops || c.faults.Link == DropsAnswers
				if added || err == nil || errors.Is(err, cluster.ErrRefused) || hangs != errors.Is(err, context.DeadlineExceeded) ||
					errors.Is(err, syscall.ECONNREFUSED) != (c.faults.Link == Refuses) {
					t.Errorf("it is answered with %t, %v", added, err)
				}
				after := map[bool]chain.Position{false: at, true: at.After(batch(at, 1))}
				holds(t, good, after[c.done])
				time.Sleep(2 * time.Second)
				holds(t, good, after[c.later])
			})
		})
	}
}

func TestACallMayBeDoneAfterItsCallerHasGone(t *testing.T) {
	faulty(t, 0, func(t *testing.T, _ *Engine, c, good *Client, l cluster.Leader, at chain.Position) {
		c.Set(Faults{DelayMax: time.Second})
		done, undone := 0, 0
		for n := range 100 {
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			_, _, err := c.Append(ctx, l.Term, at, batch(at, n))
			cancel()
			v, viewErr := good.View(t.Context())
			if errors.Join(viewErr, good.Renew(t.Context(), l.Term)) != nil {
				t.Fatal("the term is over")
			}
			switch {
			case !errors.Is(err, context.DeadlineExceeded):
			case v.Head == at:
				undone++
			default:
				done++
			}
			at = v.Head
		}
		if done == 0 || undone == 0 {
			t.Errorf("of those that gave up %d were done, %d were not", done, undone)
		}
	})
}

func TestACallThatArrivesTwiceIsDoneTwice(t *testing.T) {
	faulty(t, 0, func(t *testing.T, _ *Engine, c, good *Client, l cluster.Leader, _ chain.Position) {
		if err := c.Resign(t.Context(), l.Term); err != nil {
			t.Fatal(err)
		}
		c.Set(Faults{Repeats: 1, LateMax: time.Second})
		v, err := c.Lead(t.Context(), nodeA, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := good.Resign(t.Context(), v.Leader.Term); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if again, err := good.View(t.Context()); err != nil || again.Leader.Node != nodeA || again.Leader.Term <= v.Leader.Term {
			t.Errorf("whose request to lead came twice does not lead again: %+v, %v", again, err)
		}
	})
}

func TestACallThatHangsFailsWhenTheConnectionIsWholeAgain(t *testing.T) {
	for link, done := range map[Link]bool{Drops: false, DropsAnswers: true} {
		faulty(t, 0, func(t *testing.T, _ *Engine, c, good *Client, l cluster.Leader, at chain.Position) {
			c.Set(Faults{Link: link})
			failed := make(chan error)
			go func() {
				_, _, err := c.Append(t.Context(), l.Term, at, batch(at, 1))
				failed <- err
			}()
			synctest.Wait()
			c.Set(Faults{})
			if err := <-failed; !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("it fails with %v", err)
			}
			holds(t, good, map[bool]chain.Position{false: at, true: at.After(batch(at, 1))}[done])
		})
	}
}

func TestAProcessThatHasEndedReachesNothing(t *testing.T) {
	faulty(t, 0, func(t *testing.T, _ *Engine, c, good *Client, l cluster.Leader, at chain.Position) {
		failed := make(chan error, 2)
		go func() { failed <- c.Tail(t.Context(), at.Sequence, func([]byte) error { return nil }) }()
		synctest.Wait()
		c.Close()
		_, _, err := c.Append(t.Context(), l.Term, at, batch(at, 1))
		failed <- err
		for range 2 {
			if err := <-failed; !errors.Is(err, errClosed) {
				t.Errorf("a call fails with %v", err)
			}
		}
		holds(t, good, at)
	})
}

// sequences tails until an error, or until nothing comes, and returns which batches came.
func sequences(t *testing.T, c *Client, l cluster.Leader) (got []uint64, err error) {
	ended := make(chan error)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() {
		ended <- c.Tail(ctx, founding.Sequence, func(b []byte) error {
			for sequence := founding.Sequence + 1; ; sequence++ {
				if _, _, err := chain.Decode(b, founding.Journal, sequence); err == nil {
					got = append(got, sequence)
					return nil
				}
			}
		})
	}()
	err = <-ended
	return got, err
}

func TestAStreamMayBreakStallRepeatAndLeaveOut(t *testing.T) {
	for name, c := range map[string]struct {
		faults Faults
		want   []uint64
		err    error
	}{
		"good":    {Faults{}, []uint64{8, 9, 10, 11, 12}, context.DeadlineExceeded},
		"stalled": {Faults{Stalled: true}, nil, context.DeadlineExceeded},
		"dropped": {Faults{Link: DropsAnswers}, nil, context.DeadlineExceeded},
		"breaks":  {Faults{Breaks: 1}, nil, syscall.ECONNRESET},
		"refused": {Faults{Link: Refuses}, nil, syscall.ECONNREFUSED},
		"repeats": {Faults{Repeats: 1}, []uint64{8, 8, 9, 9, 10, 10, 11, 11, 12}, context.DeadlineExceeded},
		"skips":   {Faults{Skips: 1}, []uint64{9, 11, 12}, context.DeadlineExceeded},
		"slow":    {Faults{DelayMax: 10 * time.Second}, []uint64{8, 9, 10, 11, 12}, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			faulty(t, 5, func(t *testing.T, _ *Engine, client, _ *Client, l cluster.Leader, _ chain.Position) {
				client.Set(c.faults)
				if got, err := sequences(t, client, l); !slices.Equal(got, c.want) || !errors.Is(err, c.err) {
					t.Errorf("it brings %v, and ends with %v", got, err)
				}
			})
		})
	}
}

func TestAStalledStreamGoesOnWhenItIsWholeAgain(t *testing.T) {
	faulty(t, 1, func(t *testing.T, _ *Engine, c, _ *Client, l cluster.Leader, _ chain.Position) {
		c.Set(Faults{Stalled: true})
		got := make(chan []byte)
		go func() {
			_ = c.Tail(t.Context(), founding.Sequence, func(b []byte) error { got <- b; return errEnough })
		}()
		synctest.Wait()
		select {
		case <-got:
			t.Error("it brings a batch")
		default:
		}
		c.Set(Faults{})
		<-got
	})
}

func TestAWatchMayNameAgainWhoLedBefore(t *testing.T) {
	faulty(t, 0, func(t *testing.T, e *Engine, c, _ *Client, l cluster.Leader, _ chain.Position) {
		c.Set(Faults{Repeats: 1})
		var named []uint64
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			_ = c.Watch(ctx, func(l cluster.Leader) { named = append(named, l.Term) })
			close(ended)
		}()
		synctest.Wait()
		e.Expire()
		synctest.Wait()
		cancel()
		if <-ended; !slices.Equal(named, []uint64{l.Term, l.Term, 0}) {
			t.Errorf("it names %v", named)
		}
	})
}

// story is what befalls a connection.
func story(t *testing.T, seed uint64, name string) (s string) {
	synctest.Test(t, func(t *testing.T) {
		c := NewEngine(seed).Client(name)
		c.Set(Faults{DelayMax: time.Second, LostBefore: 0.3, LostAfter: 0.3, Late: 0.1, LateMax: time.Second, Repeats: 0.1})
		begun := time.Now()
		for range 50 {
			err := c.Found(t.Context(), cluster.Order{At: founding})
			_, viewErr := c.View(t.Context())
			s += fmt.Sprintln(time.Since(begun), err, viewErr)
		}
	})
	return s
}

func TestTheSameSeedIsTheSameStory(t *testing.T) {
	first := story(t, 1, "a")
	if story(t, 1, "a") != first {
		t.Error("the same seed is another story")
	}
	if story(t, 2, "a") == first || story(t, 1, "b") == first {
		t.Error("another seed or another name is the same story")
	}
}
