package store

import "encoding/binary"

// Nodes that apply the same order come to the same verdicts. Each keeps a digest of them, and
// notes it at each witness of the order. A witness says what its writer had noted at the one
// before: a node that noted another has diverged, by a fault of its memory, its disk or its
// program. So a witness can be written at any time, also while batches before it are not applied.
//
//	witness  15 | number uint64 | digest uint64
//
// number counts the witnesses that its writer had applied. The digest is the 64-bit FNV-1a hash
// of the outcomes, one byte each, from the first term on. What a verdict names beside its outcome
// is only told to people. A level that is raised begins it anew, so that what an older program
// judged otherwise does not part the nodes for ever.
const (
	digestBasis = 14695981039346656037
	digestPrime = 1099511628211
)

// shared is what nodes of one order know of it and of each other.
type shared struct {
	term    Term
	digest  uint64 // of the outcomes of all verdicts since the first term; 0 before it
	witness witness
}

// witness is what a node noted at a witness of the order.
type witness struct {
	number uint64 // of the witness, from 1
	digest uint64
}

// AppendWitness adds a witness to a batch: what Witness returns. The verdict is Diverged in a
// store that noted another digest at the same witness.
func AppendWitness(b []byte, number, digest uint64) []byte {
	return appendWitness(append(b, byte(kindWitness)), witness{number, digest})
}

func appendWitness(b []byte, w witness) []byte {
	b = binary.BigEndian.AppendUint64(b, w.number)
	return binary.BigEndian.AppendUint64(b, w.digest)
}

func (d *decoder) witness() witness { return witness{d.uint64(), d.uint64()} }

func (w witness) effect(s *Store) Verdict {
	own := s.shared.witness
	s.shared.witness = witness{own.number + 1, s.shared.digest}
	if w.number == own.number && w.digest != own.digest {
		return Verdict{Outcome: Diverged}
	}
	return Verdict{Outcome: Accepted}
}

// roll adds the outcomes since the last call to the digest. While the order is not shared it
// looks at none of them.
func (r *batchReader) roll() {
	if shared := &r.s.shared; shared.term != Alone {
		for _, v := range r.verdicts.From(r.rolled) {
			shared.digest = (shared.digest ^ uint64(v.Outcome)) * digestPrime
		}
	}
	r.rolled = r.verdicts.n
}

// Digest returns the digest of the outcomes of all that was applied, 0 before the first term.
func (s *Store) Digest() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.shared.digest
}

// Witness returns how many witnesses were applied, and the digest at the last of them; 0 and 0
// before the first.
func (s *Store) Witness() (number, digest uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.shared.witness.number, s.shared.witness.digest
}

// encodeShared writes, once the order was shared,
//
//	shared  27 | version | term number, incarnation uint64 | node, a text | digest uint64 | witness: number, digest uint64
func encodeShared(e *stateEncoder, s *state) {
	if s.shared != (shared{term: Alone}) {
		b := binary.BigEndian.AppendUint64(appendTerm(e.begin(), s.shared.term), s.shared.digest)
		e.put(appendWitness(b, s.shared.witness))
	}
}

func decodeShared(d *StateDecoder) { d.s.shared = shared{d.term(), d.uint64(), d.witness()} }
