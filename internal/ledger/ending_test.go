package ledger

import (
	"errors"
	"testing"
	"testing/synctest"

	"meterledger/internal/clustertest"
	"meterledger/internal/meter"
)

func TestCallersOfANodeThatCannotGoOnAreSentToTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openTrio(t)
		broken := errors.New("the disk is broken")
		s.network.Set("b", "a", clustertest.Faults{Link: clustertest.Drops})
		waiting := make(chan error)
		go func() { waiting <- s.register(1, "M1") }()
		synctest.Wait()
		s.members[1].shared.failWith(broken)
		for _, err := range []error{<-waiting, s.register(1, "M2")} {
			if meter.CodeOf(err) != meter.CodeNotReady || !meter.Passes(err) || errors.Is(err, broken) {
				t.Errorf("a caller is told %v", err)
			}
		}
		if err := s.members[1].Failure(); !errors.Is(err, broken) {
			t.Errorf("the program ends with %v", err)
		}
		s.mustRegister(0, "M1")
		s.members[1].Close()
		s.members = append(s.members[:1], s.members[2])
		s.end()
	})
}
