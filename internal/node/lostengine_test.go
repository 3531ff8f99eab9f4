package node_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"meterledger/internal/clustertest"
	"meterledger/internal/ledger"
)

func (tr *trip) loseEngine() { tr.engine = clustertest.NewEngine(2) }

func TestAnEngineThatIsLostIsFoundedAgainByTheNodeThatHasMost(t *testing.T) {
	started(t, func(t *testing.T, tr *trip) {
		tr.close("c")
		tr.takes("a", 3)
		tr.has("b")
		tr.close("b", "a")
		tr.loseEngine()
		tr.refuses("b", together, "holds no order", "-cluster-found=again", "-cluster-heal")
		tr.refuses("b", healing, "holds no order", "-cluster-found=again")
		tr.refuses("b", founding(ledger.FoundOnce), "-cluster-found=again")
		if err := tr.leave("b"); err == nil || !strings.Contains(err.Error(), "-cluster-found=again, stop it, and leave") {
			t.Errorf("it leaves: %v", err)
		}
		tr.open("a", founding(ledger.FoundAgain))
		tr.takesNothing("a") // another one may have more
		tr.refuses("b", together, "-cluster-heal")
		tr.refuses("c", founding(ledger.FoundAgain), "-cluster-heal")
		tr.open("b", healing)
		tr.takes("b", 1)
		tr.open("c", healing)
		tr.takes("c", 1)
		tr.has("a", "b", "c")
		tr.close("c", "b", "a")
		for _, name := range []string{"a", "b", "c"} {
			tr.open(name, together)
		}
		tr.takes("b", 1)
		tr.has("a", "b", "c")
		tr.close("c", "b", "a")
	})
}

func TestTheWrongNodeThatFoundsAgainIsHaltedByOneThatHasMore(t *testing.T) {
	started(t, func(t *testing.T, tr *trip) {
		tr.close("c")
		tr.takes("a", 3) // c lacks them
		tr.has("b")
		tr.close("b")
		tr.takes("a", 2) // b lacks them, and nobody but a has them
		tr.close("a")
		tr.loseEngine()
		tr.open("c", founding(ledger.FoundAgain))
		tr.takesNothing("c")
		tr.refuses("a", together, "holds batch", "founded again by a node that had less", "-cluster-heal")
		if tr.halted() == 0 {
			t.Error("the engine is not halted")
		}
		tr.open("b", healing) // which has more than c, and less than a
		tr.takesNothing("b")
		tr.open("a", healing)
		tr.takes("c", 1)
		tr.has("a", "b", "c")
		tr.close("c", "b", "a")
	})
}

func TestAnEngineThatWasBroughtBackIsRefusedByAllAndHealed(t *testing.T) {
	started(t, func(t *testing.T, tr *trip) {
		tr.has("a", "b", "c")
		then := tr.head()
		time.Sleep(5 * time.Second) // of the bubble: the engine goes on, and c sees that
		tr.close("c")               // which has no more than the copy of the engine
		tr.takes("b", 3)
		tr.has("a")
		tr.close("b", "a")
		if err := tr.engine.RollBack(then); err != nil {
			t.Fatal(err)
		}
		tr.refuses("c", together, "is at revision", "-cluster-heal")
		tr.refuses("a", together, "holds batch", "brought back from an older copy", "-cluster-heal")
		tr.refuses("b", together, "holds batch", "-cluster-heal")
		if err := tr.leave("c"); err == nil {
			t.Error("c leaves with less than others have")
		}
		tr.open("c", healing)
		tr.takesNothing("c")
		tr.open("b", healing)
		if tr.halted() != 0 {
			t.Error("the engine is still halted")
		}
		tr.takes("c", 1)
		tr.open("a", healing)
		tr.takes("a", 1)
		tr.has("a", "b", "c")
		tr.close("c", "b", "a")
	})
}

// TestNodesThatHaveLessDoNotGoOnAlone heals an engine first with a node that lacks what was acknowledged, and then
// with as many as keep each batch.
func TestNodesThatHaveLessDoNotGoOnAlone(t *testing.T) {
	started(t, func(t *testing.T, tr *trip) {
		tr.has("a", "b", "c")
		then := tr.head()
		tr.close("c", "b")
		tr.takes("a", 5) // nobody else has them
		tr.close("a")
		end := tr.head()
		if err := tr.engine.RollBack(then); err != nil {
			t.Fatal(err)
		}
		tr.open("c", healing)
		time.Sleep(time.Minute)
		tr.takesNothing("c")
		taken := tr.taken
		tr.open("b", healing)
		for tr.head() < end {
			tr.takes("c", 1)
		}
		if tr.head() != end {
			t.Fatalf("the order ends with batch %d, and not with %d", tr.head(), end)
		}
		tr.refuses("a", healing, fmt.Sprintf("has another batch %d", end))
		tr.refuses("a", together, fmt.Sprintf("has another batch %d", end))
		tr.taken = append(taken[:len(taken)-5:len(taken)-5], tr.taken[len(taken):]...)
		tr.has("b", "c")
		tr.close("c", "b")
	})
}

func TestAnEngineThatIsBroughtBackUnderRunningNodesIsHaltedAndHealedByOneOfThem(t *testing.T) {
	started(t, func(t *testing.T, tr *trip) {
		tr.has("a", "b", "c")
		then := tr.head()
		tr.takes("b", 3)
		tr.has("a", "c")
		tr.close("c")
		if err := tr.engine.RollBack(then); err != nil {
			t.Fatal(err)
		}
		tr.eventually("the engine is halted", func() error {
			if tr.halted() == 0 {
				return errors.New("it is not")
			}
			return nil
		})
		tr.open("c", healing)
		tr.takes("c", 1)
		tr.close("c", "b", "a")
		for _, name := range []string{"a", "b"} {
			tr.open(name, healing)
		}
		tr.takes("a", 1)
		tr.has("a", "b")
		tr.close("b", "a")
	})
}

// A node that has less than others, and runs while the engine is brought back, must not lead in it.
func TestANodeThatLiesBehindDoesNotLeadInAnEngineThatWasBroughtBack(t *testing.T) {
	started(t, func(t *testing.T, tr *trip) {
		tr.has("a", "b", "c")
		then := tr.head()
		time.Sleep(2 * time.Minute) // of the bubble: its mark has the revision of this moment
		for _, name := range []string{"a", "b"} {
			tr.network.Serve(name, nil)
		}
		tr.close("a", "b")
		if err := tr.engine.RollBack(then); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		tr.takesNothing("c")
		if tr.head() != then {
			t.Errorf("the order ends with batch %d, and was brought back to %d", tr.head(), then)
		}
		tr.close("c")
	})
}
