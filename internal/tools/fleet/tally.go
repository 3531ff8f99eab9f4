package main

import (
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"meterledger/internal/meter"
	"meterledger/internal/tools/latency"
)

// fate is what became of one reading, as far as its meter knows.
type fate uint8

const (
	unsent       fate = iota
	acknowledged      // a 200: the api must hold it
	refused           // an error that sending again would not change: the api must not hold it
	uncertain         // the last word was never heard: the api may hold it
)

// tally counts what becomes of the readings. Each one's fate is written by the one
// worker that sends it, and read when all have ended.
type tally struct {
	fates []fate // by reading

	acknowledged, refused, uncertain, again atomic.Int64

	taken *latency.Recorder // from when a reading was due to its acknowledgement, by request

	mu    sync.Mutex // guards codes
	codes map[meter.Code]refusals
}

// refusals are the readings that were refused with one code.
type refusals struct {
	count  int
	detail string // of the first of them
}

func newTally(readings int) *tally {
	return &tally{fates: make([]fate, readings), taken: latency.NewRecorder(), codes: map[meter.Code]refusals{}}
}

func (t *tally) acknowledge(n int) {
	t.fates[n] = acknowledged
	t.acknowledged.Add(1)
}

func (t *tally) doubt(n int) {
	t.fates[n] = uncertain
	t.uncertain.Add(1)
}

func (t *tally) refuse(n int, p problem) {
	t.fates[n] = refused
	t.refused.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	r, known := t.codes[p.Code]
	if !known {
		r.detail = p.Detail
	}
	r.count++
	t.codes[p.Code] = r
}

// refusedCodes lists the codes in order.
func (t *tally) refusedCodes() []meter.Code { return slices.Sorted(maps.Keys(t.codes)) }

// grouped writes a number with commas between the thousands.
func grouped[T int | int64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
