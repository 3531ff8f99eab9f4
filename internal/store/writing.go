package store

import (
	"time"

	"meterledger/internal/meter"
)

// writing is when, by the clock of the machine, the ledger wrote what stands before it: a
// later start compares its own clock with that. The latest one counts. One that is trusted
// counts even if it is earlier: an operator says that the clock was wrong before.
//
//	writing  21 | trusted uint8 | at
type writing struct {
	trusted bool
	at      time.Time
}

// AppendWriting adds the time of writing to a batch.
func AppendWriting(b []byte, at time.Time, trusted bool) []byte {
	return appendTime(appendFlag(append(b, byte(kindWriting)), trusted), at)
}

func (d *decoder) writing() writing { return writing{d.flag(), d.time()} }

func (w writing) effect(s *Store) Verdict {
	if w.trusted || w.at.After(s.written) {
		s.written = w.at
	}
	return Verdict{Outcome: Accepted}
}

// Written returns when the ledger wrote last: at most some seconds of writing later than
// that. If no time of writing was written down yet, it is that of the newest account or
// archive, and never before the earliest year.
func (s *Store) Written() time.Time {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if !s.written.IsZero() {
		return s.written
	}
	newest := time.Date(meter.EarliestYear, time.January, 1, 0, 0, 0, 0, time.UTC)
	later := func(t time.Time) {
		if t.After(newest) {
			newest = t
		}
	}
	for _, d := range s.days {
		later(d.WrittenAt)
	}
	for _, m := range s.months {
		later(m.WrittenAt)
	}
	if n := len(s.accounts); n > 0 {
		later(s.accounts[n-1].RegisteredAt)
	}
	return newest
}

// encodeWriting writes
//
//	writing  17 | version | at
func encodeWriting(e *stateEncoder, s *state) {
	if !s.written.IsZero() {
		e.put(appendTime(e.begin(), s.written))
	}
}

func decodeWriting(d *StateDecoder) { d.s.written = d.time() }
