package store

import (
	"fmt"
	"hash"
	"time"
)

// modelShared is what a model knows of an order that is shared.
type modelShared struct {
	term    Term
	digest  hash.Hash64 // of the outcomes since the first term
	number  uint64      // of witnesses
	witness uint64      // the digest at the last one
}

// sum is the digest, which is 0 before the first term.
func (m *model) sum() uint64 {
	if m.shared.term == Alone {
		return 0
	}
	return m.shared.digest.Sum64()
}

func (m *model) roll(verdicts []Verdict) {
	if m.shared.term == Alone {
		return
	}
	for _, v := range verdicts {
		_, _ = m.shared.digest.Write([]byte{byte(v.Outcome)})
	}
}

func (m *model) grants(id HoldID) bool {
	term := m.shared.term
	return id.Term == term.Number && (id.Incarnation == term.Incarnation || term == Alone)
}

func (m *model) lead(t Term, at time.Time) Verdict {
	m.shared.term, m.hold = t, nil
	return m.write(at, false)
}

func (m *model) testify(number, digest uint64) (v Verdict) {
	if number == m.shared.number && digest != m.shared.witness {
		v.Outcome = Diverged
	}
	m.shared.number, m.shared.witness = m.shared.number+1, m.sum()
	return v
}

func (m *model) wantSameShared(t fataler, s *Store) {
	number, witness := s.Witness()
	if s.Term() != m.shared.term || s.Digest() != m.sum() || number != m.shared.number || witness != m.shared.witness {
		t.Fatalf("the term is %v, the digest %d, at witness %d %d, not %v, %d, at %d %d",
			s.Term(), s.Digest(), number, witness, m.shared.term, m.sum(), m.shared.number, m.shared.witness)
	}
}

// share draws what only an order has that nodes share. The few terms leave runs their time.
func (h *historian) share() entry {
	switch number, digest := h.s.Witness(); h.between(0, 9) {
	case 0:
		term, at := Term{h.s.Term().Number + 1, h.Uint64(), fmt.Sprint("node ", h.between(1, 3))}, time.Unix(h.Int64N(1000), 0)
		return entry{AppendTerm(nil, term, at), func(m *model) []Verdict { return one(m.lead(term, at)) }}
	case 1, 2, 3:
		return entry{AppendContents(nil, []Origin{{1, 2, 1}, {h.Uint64(), h.Uint64(), 3}}), accepts}
	case 4, 5, 6, 7:
		return h.witness(number, digest)
	default:
		return h.witness(number-uint64(h.between(0, 1)), digest+1)
	}
}

func (h *historian) witness(number, digest uint64) entry {
	return entry{AppendWitness(nil, number, digest), func(m *model) []Verdict { return one(m.testify(number, digest)) }}
}

// holdID is the next of the present leader's.
func (h *historian) holdID() HoldID {
	id := HoldID{h.s.Term().Number, h.s.Term().Incarnation, h.numbers}
	if h.s.Term() == Alone {
		id.Incarnation = 7
	}
	return id
}
