package main

import (
	"sync"
	"time"
)

// tally counts what came of the requests.
type tally struct {
	mu      sync.Mutex // guards all below
	answers map[string]int
	slowest slowest
}

// slowest holds the longest waits for an answer.
type slowest struct {
	any         time.Duration // of any request but the operator's
	single      time.Duration // of a single reading
	maintenance time.Duration // of a single reading while maintenance or a restoring ran
}

func (s *slowest) take(other slowest) {
	s.any = max(s.any, other.any)
	s.single = max(s.single, other.single)
	s.maintenance = max(s.maintenance, other.maintenance)
}

func newTally() *tally { return &tally{answers: make(map[string]int)} }

// answered counts one answer: what was asked, and the code of the answer.
func (t *tally) answered(what, code string, waited slowest) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answers[what+": "+code]++
	t.slowest.take(waited)
}

// lap returns the longest waits since the last lap.
func (t *tally) lap() slowest {
	t.mu.Lock()
	defer t.mu.Unlock()
	lap := t.slowest
	t.slowest = slowest{}
	return lap
}
