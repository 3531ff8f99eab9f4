package store

import (
	"encoding/binary"
	"time"

	"meterledger/internal/mutant"
)

// Several nodes can share one order. Each term of it has one node that adds to it and runs
// maintenance, and begins with an entry that says so. What stands of the run of an earlier
// term is dropped there: its node may not know yet that it leads no more, and what it still
// proposes under its hold has no effect.
//
//	term  11 | number uint64 | incarnation uint64 | node, a text | at
//
// It takes 27 bytes and the name. at counts like a time of writing that is not trusted.

// Term is the time in which one node leads.
type Term struct {
	Number      uint64 // rises from leader to leader; an order that is founded anew may use one again
	Incarnation uint64 // of the leader's process, never 0
	Node        string // the leader's name
}

// Alone is the term of a journal that no other node shares, as each is before its first term and
// can be again.
var Alone = Term{Number: 1}

// termFact is the beginning of a term.
type termFact struct {
	Term

	at time.Time
}

// AppendTerm adds the beginning of a term to a batch.
func AppendTerm(b []byte, t Term, at time.Time) []byte {
	return appendTime(appendTerm(append(b, byte(kindTerm)), t), at)
}

func appendTerm(b []byte, t Term) []byte {
	b = binary.BigEndian.AppendUint64(b, t.Number)
	b = binary.BigEndian.AppendUint64(b, t.Incarnation)
	return appendText(b, t.Node)
}

// ReadTerm reads the term that a batch begins. It is false unless the batch is the entry of a
// term and nothing else.
func ReadTerm(payload []byte) (Term, bool) {
	d := decoder{rest: payload}
	if kind(d.uint8()) != kindTerm {
		return Term{}, false
	}
	t := d.termFact()
	return t.Term, d.err == nil && len(d.rest) == 0
}

func (d *decoder) term() Term { return Term{d.uint64(), d.uint64(), d.text()} }

func (d *decoder) termFact() termFact { return termFact{d.term(), d.time()} }

func (t termFact) effect(s *Store) Verdict {
	if s.shared.term == Alone {
		s.shared.digest = digestBasis
	}
	s.shared.term = t.Term
	if !mutant.HoldOutlivesTerm {
		s.drop()
	}
	return writing{at: t.at}.effect(s)
}

// grants reports whether a hold is of the term. Alone, the incarnation only tells the holds of
// one process from those of another.
func (t Term) grants(id HoldID) bool {
	return id.Term == t.Number && (t == Alone || id.Incarnation == t.Incarnation)
}

// Term returns the term of what was applied last.
func (s *Store) Term() Term {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.shared.term
}
