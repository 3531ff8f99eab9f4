package clustertest

import (
	"testing"
	"testing/synctest"
	"time"
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
