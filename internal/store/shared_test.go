package store

import (
	"fmt"
	"hash"
	"slices"
	"testing"
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

// otherTerm is one of another node than that of heldStore's run.
var otherTerm = Term{Number: 5, Incarnation: 9, Node: "b.example"}

func TestATermDropsTheHoldAndWhatIsPending(t *testing.T) {
	s, h := heldStore(t)
	want(t, s, halfOfSummaries(AppendUnder(nil, h.ID), 1), Accepted)
	want(t, s, AppendTerm(nil, otherTerm, account.RegisteredAt), Accepted)
	if _, stands := s.Hold(); stands || len(s.pending) > 0 || s.Term() != otherTerm {
		t.Errorf("a hold stands: %v, %d months are pending, the term is %v", stands, len(s.pending), s.Term())
	}
	if len(s.Intents(september.Period())) == 0 {
		t.Error("the intent is gone: a file of that run may have taken its place")
	}
	for name, batch := range ofRun() {
		t.Run(name, func(t *testing.T) {
			wantSameBut(t, s, append(AppendUnder(nil, h.ID), batch...), Over)
		})
	}
	wantSameBut(t, s, AppendFree(nil, h.ID), Over)
	wantSameBut(t, s, AppendHold(nil, h), Over)
	want(t, s, AppendReading(nil, reading(closedFrom+20, 2000)), Accepted)
}

// wantSameBut applies a batch that must leave all as it is but the digest.
func wantSameBut(t *testing.T, s *Store, batch []byte, outcome Outcome) {
	t.Helper()
	digest := s.shared.digest
	s.shared.digest = 0
	before := s.Hash()
	s.shared.digest = digest
	want(t, s, batch, outcome)
	digest, s.shared.digest = s.shared.digest, 0
	if s.Hash() != before {
		t.Error("the state is another one")
	}
	s.shared.digest = digest
}

func TestAHoldIsOfTheTermAndTheProcessThatLeads(t *testing.T) {
	window := windowOf(september).Rows()
	for name, c := range map[string]struct {
		term Term
		id   HoldID
		want Outcome
	}{
		"alone":                       {Alone, HoldID{1, 7, 1}, Accepted},
		"alone, of another process":   {Alone, HoldID{1, 8, 1}, Accepted},
		"alone, of no term":           {Alone, HoldID{0, 7, 1}, Over},
		"of the leader":               {otherTerm, HoldID{5, 9, 1}, Accepted},
		"of the term before":          {otherTerm, HoldID{4, 9, 1}, Over},
		"of the term after":           {otherTerm, HoldID{6, 9, 1}, Over},
		"of one that was alone":       {otherTerm, HoldID{1, 9, 1}, Over},
		"of another process":          {otherTerm, HoldID{5, 8, 1}, Over},
		"of a first term":             {Term{1, 9, "b"}, HoldID{1, 8, 1}, Over},
		"alone again, of any process": {Alone, HoldID{1, 10, 1}, Accepted},
	} {
		s := New()
		want(t, s, AppendTerm(AppendLevel(nil, LevelHolds), c.term, account.RegisteredAt), Accepted, Accepted)
		for _, s := range []*Store{s, thawed(t, s)} {
			if got := apply(t, s, AppendHold(nil, Hold{c.id, window})); got[0] != c.want {
				t.Errorf("%s: the outcome is %d, want %d", name, got[0], c.want)
			}
		}
	}
}

func TestATermAndContentsAreReadFromTheBytesOfTheirBatch(t *testing.T) {
	term := AppendTerm(nil, otherTerm, account.RegisteredAt)
	origins := []Origin{{1, 2, 3}, {4, 5, 6}}
	listed := AppendContents(nil, origins)
	rest := AppendReception(nil, true)
	if got, ok := ReadTerm(term); !ok || got != otherTerm {
		t.Errorf("the term is %v, %v", got, ok)
	}
	if got, behind, ok := ReadContents(append(slices.Clone(listed), rest...)); !ok || !slices.Equal(got, origins) || !slices.Equal(behind, rest) {
		t.Errorf("the contents are %v, then % x, %v", got, behind, ok)
	}
	for name, payload := range map[string][]byte{
		"nothing": nil, "another kind": rest, "contents": listed, "a cut one": cut(term), "one and more": append(slices.Clone(term), rest...),
	} {
		if got, ok := ReadTerm(payload); ok {
			t.Errorf("%s is read as the term %v", name, got)
		}
	}
	for name, payload := range map[string][]byte{
		"nothing": nil, "another kind": rest, "a term": term, "a cut list": cut(listed), "an absurd number": {byte(kindContents), 255, 255, 255, 255, 1},
	} {
		if got, _, ok := ReadContents(payload); ok {
			t.Errorf("%s is read as the contents %v", name, got)
		}
		if _, err := New().Apply(payload, Verdicts{}); err == nil && len(payload) > 0 && kind(payload[0]) == kindContents {
			t.Errorf("%s is applied", name)
		}
	}
}

func FuzzContents(f *testing.F) {
	f.Add(AppendContents(nil, []Origin{{1, 2, 3}, {4, 5, 6}}))
	f.Add(append(AppendContents(nil, nil), 1))
	f.Add(AppendTerm(nil, otherTerm, account.RegisteredAt))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if origins, rest, ok := ReadContents(payload); ok && !slices.Equal(append(AppendContents(nil, origins), rest...), payload) {
			t.Fatalf("the contents %v and % x are written otherwise", origins, rest)
		}
		if _, ok := ReadTerm(payload); ok && len(mustApply(t, New(), payload)) != 1 {
			t.Fatal("a term is read that is not one entry")
		}
	})
}

// divergedStores are two of one history, of which the second has lost a reading.
func divergedStores(t *testing.T) (sound, other *Store) {
	t.Helper()
	b := AppendTerm(AppendAccount(AppendLevel(nil, LevelHolds), account), otherTerm, account.RegisteredAt)
	b = AppendReading(b, reading(closedTo, 1000))
	sound, other = New(), New()
	apply(t, sound, b)
	apply(t, other, b)
	other.unrecord(0, closedTo)
	again := AppendReading(nil, reading(closedTo, 1000))
	want(t, sound, again, Duplicate)
	want(t, other, again, Accepted)
	return sound, other
}

func TestANodeThatDivergedIsToldByTheNextWitness(t *testing.T) {
	sound, other := divergedStores(t)
	first := AppendWitness(nil, 0, 0)
	want(t, sound, first, Accepted)
	want(t, other, first, Accepted) // nothing was noted before
	number, digest := sound.Witness()
	if number != 1 || digest == 0 {
		t.Fatalf("at witness %d the digest is %d", number, digest)
	}
	second := AppendWitness(nil, number, digest)
	want(t, thawed(t, sound), second, Accepted)
	want(t, sound, second, Accepted)
	want(t, thawed(t, other), second, Diverged)
	want(t, other, second, Diverged)
}

// TestAWitnessOfWhatIsNotAppliedYetSaysNothing has a leader write two while the first is on its way.
func TestAWitnessOfWhatIsNotAppliedYetSaysNothing(t *testing.T) {
	sound, _ := divergedStores(t)
	number, digest := sound.Witness()
	two := AppendWitness(AppendReception(AppendWitness(nil, number, digest), false), number, digest)
	want(t, sound, two, Accepted, Accepted, Accepted)
	if number, _ := sound.Witness(); number != 2 {
		t.Errorf("%d witnesses were applied", number)
	}
}

// TestADigestIsOfOutcomesAlone has a verdict name another reading, and leaves the digest.
func TestADigestIsOfOutcomesAlone(t *testing.T) {
	digests := make(map[uint64]bool)
	for _, register := range []int64{500, 400} {
		s := New()
		apply(t, s, AppendTerm(AppendAccount(AppendLevel(nil, LevelHolds), account), otherTerm, account.RegisteredAt))
		want(t, s, AppendReading(AppendReading(nil, reading(closedTo, register)), reading(closedTo, 100)), Accepted, Conflict)
		digests[s.Digest()] = true
		other := thawed(t, s)
		apply(t, s, AppendReception(nil, true))
		if _, err := other.Apply(AppendReception(nil, true), Verdicts{1, []PlacedVerdict{{0, Verdict{Outcome: Over}}}}); err != nil || s.Digest() != other.Digest() {
			t.Errorf("behind verdicts of another batch the digest is %x, not %x: %v", other.Digest(), s.Digest(), err)
		}
	}
	if len(digests) != 1 {
		t.Errorf("the digests are %v", digests)
	}
}

func TestAloneThereIsNoDigest(t *testing.T) {
	s, _ := heldStore(t)
	if written := isWritten(t, s, 27); s.Digest() != 0 || written || s.Term() != Alone {
		t.Errorf("the digest is %d, a record of it %v, the term %v", s.Digest(), written, s.Term())
	}
	want(t, s, AppendTerm(nil, otherTerm, account.RegisteredAt), Accepted)
	if written := isWritten(t, s, 27); s.Digest() == 0 || !written {
		t.Errorf("in a term the digest is %d, a record of it %v", s.Digest(), written)
	}
}

// isWritten reports whether the state of a store has a record of a kind.
func isWritten(t *testing.T, s *Store, kind uint8) bool {
	t.Helper()
	frozen := s.Freeze()
	defer frozen.Thaw()
	return slices.ContainsFunc(encodeState(t, frozen), func(record []byte) bool { return record[0] == kind })
}

// TestARaisedLevelBeginsTheDigestAnew mends nodes of which an older program has judged otherwise.
func TestARaisedLevelBeginsTheDigestAnew(t *testing.T) {
	var digests []uint64
	for _, before := range [][]byte{AppendAccount(nil, account), AppendReception(nil, true)} {
		s := New()
		apply(t, s, append(AppendTerm(nil, otherTerm, account.RegisteredAt), before...))
		apply(t, s, before)
		digests = append(digests, s.Digest())
		apply(t, s, AppendLevel(nil, LevelHolds))
		digests = append(digests, s.Digest())
		apply(t, s, AppendLevel(nil, LevelHolds))
		digests = append(digests, s.Digest())
	}
	if digests[0] == digests[3] || digests[1] != digests[4] || digests[1] == digests[2] || digests[2] != digests[5] {
		t.Errorf("the digests are %x", digests)
	}
}
