package clustertest

import (
	"testing"
	"testing/synctest"
)

func TestTheEngineInMemoryKeepsEverySentence(t *testing.T) {
	TestEngine(t, synctest.Test, func(*testing.T) Subject {
		e := NewEngine(1)
		a := e.Client("a")
		return Subject{A: a, B: e.Client("b"), Lose: func() { a.Set(Faults{Link: Refuses}) }}
	})
}
