package ledger

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/clustertest"
	"meterledger/internal/meter"
)

// openTwo founds an order of two nodes, and waits until both have all of it.
func openTwo(t *testing.T) (engine *clustertest.Engine, a, b member) {
	t.Helper()
	engine, network := clustertest.NewEngine(1), clustertest.NewNetwork(1)
	a = openMember(t, vfs.NewMem(), engine, network, "a")
	a.waitToLead()
	b = openMember(t, vfs.NewMem(), engine, network, "b")
	if err := a.Register(t.Context(), "FIRST", "Tan", "Road"); err != nil {
		t.Fatal(err)
	}
	for _, m := range []member{a, b} {
		if err := m.Latest(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return engine, a, b
}

func closeAll(t *testing.T, members ...member) {
	t.Helper()
	for _, m := range members {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestAPositionCountsABatchOfWhichAPartIsApplied stops a node before it has done with a batch: readers may see it.
func TestAPositionCountsABatchOfWhichAPartIsApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := openTwo(t)
		defer closeAll(t, a, b)
		_, before := b.Position()
		synctest.Wait()
		done := make(chan struct{})
		b.shared.settled = func() { <-done }
		if err := a.Register(t.Context(), "M", "Tan", "Road"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // of the bubble
		_, written := a.Position()
		if _, at := b.Position(); at != written || at != before+1 {
			t.Errorf("batch %d is being applied after %d, and the position is %d", written, before, at)
		}
		if err := b.Applied(t.Context(), before); err != nil {
			t.Error(err)
		}
		began := time.Now()
		if err := b.Applied(t.Context(), written); meter.CodeOf(err) != meter.CodeNotReady || time.Since(began) != readMax {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		close(done)
		if err := b.Applied(t.Context(), written); err != nil {
			t.Error(err)
		}
	})
}

func TestANodeAloneIsWhereItsJournalIs(t *testing.T) {
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	l, err := Open(t.Context(), Options{FS: vfs.NewMem(), DataDir: "data", Zone: zone, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Register(t.Context(), "M", "Tan", "Road"); err != nil {
		t.Fatal(err)
	}
	id, at := l.Position()
	if end := l.journal.End(); id != end.Journal || at != end.Sequence || at == 0 {
		t.Errorf("%x %d, and the journal ends with %+v", id, at, end)
	}
	if err := l.Applied(t.Context(), at); err != nil {
		t.Error(err)
	}
	if err := l.Applied(t.Context(), at+1); meter.CodeOf(err) != meter.CodeNotReady {
		t.Error(err)
	}
	if err := l.Latest(t.Context()); err != nil || l.Staleness() != 0 || l.IsShared() {
		t.Error(err, l.Staleness(), l.IsShared())
	}
}

// TestWhatTheEngineHasLostIsMissingToo has a node behind what the engine lost. It must not say that it has all.
func TestWhatTheEngineHasLostIsMissingToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, a, b := openTwo(t)
		defer closeAll(t, a, b)
		_, old := a.Position()
		b.engine.Set(clustertest.Faults{Stalled: true})
		if err := a.Register(t.Context(), "M", "Tan", "Road"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := engine.RollBack(old); err != nil {
			t.Fatal(err)
		}
		b.engine.Set(clustertest.Faults{})
		time.Sleep(2 * lookEvery) // of the bubble: the node that has it halts the engine
		if err := b.Latest(t.Context()); meter.ReasonOf(err) != meter.ReasonNoQuorum {
			t.Error(err)
		}
		time.Sleep(time.Minute) // of the bubble
		if age := b.Staleness(); age < time.Minute {
			t.Errorf("it says that it had all %v ago", age)
		}
	})
}

func TestTheStateIsAsOldAsTheNewestSightingThatIsApplied(t *testing.T) {
	begun := time.Now()
	at := func(seconds float64) time.Time { return begun.Add(time.Duration(seconds * float64(time.Second))) }
	var s sightings
	if !s.had(100).IsZero() {
		t.Error("it has seen nothing, and knows something")
	}
	s.add(5, at(0), 5)
	s.add(7, at(3), 5)
	s.add(9, at(5), 6)
	for _, c := range []struct {
		applied uint64
		had     float64
	}{{6, 0}, {7, 3}, {8, 3}, {9, 5}} {
		if had := s.had(c.applied); had != at(c.had) {
			t.Errorf("with batch %d it had all after %v, want %v s", c.applied, had.Sub(begun), c.had)
		}
	}
	s.add(9, at(4), 9) // an answer that came late
	if had := s.had(9); had != at(5) {
		t.Errorf("it had all after %v", had.Sub(begun))
	}
}

// TestSightingsOfANodeFarBehindAreFew has a node apply nothing for an hour, and then all.
func TestSightingsOfANodeFarBehindAreFew(t *testing.T) {
	begun := time.Now()
	var s sightings
	for i := range 36_000 {
		s.add(uint64(i+1), begun.Add(time.Duration(i)*100*time.Millisecond), 0)
	}
	if len(s.ahead) > sightingsMax || !slices.IsSortedFunc(s.ahead, func(a, b sighting) int { return a.asked.Compare(b.asked) }) {
		t.Errorf("%d are kept", len(s.ahead))
	}
	if had := s.had(101); had.Before(begun.Add(9*time.Second)) || had.After(begun.Add(10*time.Second)) {
		t.Errorf("what was sighted after 10 s is applied, and it had all after %v", had.Sub(begun))
	}
	if had := s.had(36_000); had.Before(begun.Add(3599 * time.Second)) {
		t.Errorf("it had all after %v", had.Sub(begun))
	}
}

func TestAReadThatIsGivenUpIsNotAnsweredForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := openTwo(t)
		defer closeAll(t, a, b)
		b.engine.Set(clustertest.Faults{Link: clustertest.Drops})
		defer b.engine.Set(clustertest.Faults{})
		ctx, giveUp := context.WithTimeout(t.Context(), readMax/2)
		defer giveUp()
		defer time.Sleep(confirmMax) // of the bubble: the barrier asks on
		_, at := b.Position()
		if err := b.Latest(ctx); err != context.DeadlineExceeded {
			t.Error(err)
		}
		if err := b.Applied(ctx, at+1); err != context.DeadlineExceeded {
			t.Error(err)
		}
	})
}
