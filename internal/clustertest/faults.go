package clustertest

import (
	"hash/fnv"
	"io"
	"math/rand/v2"
	"time"
)

// Link is the state of a connection.
type Link uint8

const (
	// Whole: what is sent arrives.
	Whole Link = iota
	// Refuses: every call fails at once, and nothing is done. The error wraps syscall.ECONNREFUSED.
	Refuses
	// Drops: nothing arrives and nothing comes back. A call ends with its context, or when the link changes.
	Drops
	// DropsAnswers: what is sent arrives and is done, but nothing comes back.
	DropsAnswers
)

// Faults is what a connection does wrong. Probabilities are from 0 to 1. The zero value is a good connection.
type Faults struct {
	Link       Link
	DelayMax   time.Duration // of a request, of an answer, and of each batch or event of a stream
	LostBefore float64       // a call fails and nothing was done
	LostAfter  float64       // a call fails and was done
	Late       float64       // a call fails and is done later
	LateMax    time.Duration // how much later at most
	Repeats    float64       // a call arrives twice, once within LateMax; a tail or watch brings again what it brought before
	Skips      float64       // a tail leaves a batch out
	Breaks     float64       // a stream breaks off before what it would bring next
	Stalled    bool          // a stream brings nothing, and no error
}

func requestsStop(f Faults) bool { return f.Link == Drops }
func answersStop(f Faults) bool  { return f.Link == Drops || f.Link == DropsAnswers }
func streamsStop(f Faults) bool  { return answersStop(f) || f.Stalled }

// luck is what befalls one call, or one event of a stream.
type luck struct {
	lostBefore, lostAfter, late, repeats, skips, breaks bool

	before, behind, later time.Duration
}

// draw takes as much from the source whatever the faults are, so that each call has its own luck.
func (f Faults) draw(source *rand.Rand) luck {
	hits := func(probability float64) bool { return source.Float64() < probability }
	upTo := func(most time.Duration) time.Duration { return time.Duration(source.Float64() * float64(most)) }
	return luck{
		lostBefore: hits(f.LostBefore), lostAfter: hits(f.LostAfter), late: hits(f.Late),
		repeats: hits(f.Repeats), skips: hits(f.Skips), breaks: hits(f.Breaks),
		before: upTo(f.DelayMax), behind: upTo(f.DelayMax), later: upTo(f.LateMax),
	}
}

func newSource(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	_, _ = io.WriteString(h, name)
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}
