package clustertest

import (
	"testing"
	"testing/synctest"
	"time"

	"meterledger/internal/cluster"
)

func inMemory(f Faults) func(*testing.T) Subject {
	return func(*testing.T) Subject {
		e := NewEngine(1)
		a, b := e.Client("a"), e.Client("b")
		a.Set(f)
		b.Set(f)
		return Subject{A: a, B: b, Lose: func() { a.Set(Faults{Link: Refuses}) }}
	}
}

func TestTheEngineInMemoryKeepsEverySentence(t *testing.T) {
	TestEngine(t, synctest.Test, inMemory(Faults{}))
}

func TestTheEngineInMemoryKeepsEverySentenceWhenItIsSlow(t *testing.T) {
	TestEngine(t, synctest.Test, inMemory(Faults{DelayMax: 100 * time.Millisecond}))
}

func TestTheNetworkInMemoryKeepsEverySentence(t *testing.T) {
	TestPeers(t, synctest.Test, func(_ *testing.T, s Server) Wire {
		n := NewNetwork(1)
		n.Serve("b", s)
		return Wire{Peers: n.Peers("a"), To: cluster.Node{Name: "b", Address: "b"}, Nowhere: cluster.Node{Name: "c", Address: "c"}}
	})
}
