package store

import (
	"maps"
	"slices"
	"strings"

	"meterledger/internal/meter"
)

// intent says that a file of the given hash is about to replace the file of a period. It
// stands until the period is archived: a run that is cut off may have put its file in
// place, and the next run recognises that file by its hash. Of the file of events, which is of no
// period, the newest two stand: that of the file that is there, and that of the next.
//
//	intent  08 | period, a text | SHA-256 32 bytes
type intent struct {
	period meter.Period
	sum    [32]byte
}

// AppendIntent adds an intent to a batch; one of the zero period is of the file of events.
func AppendIntent(b []byte, p meter.Period, sha256 [32]byte) []byte {
	b = appendText(append(b, byte(kindIntent)), p.String())
	return append(b, sha256[:]...)
}

func (d *decoder) intent() intent { return intent{d.period(), [32]byte(d.take(32))} }

func (i intent) effect(s *Store) Verdict {
	known := s.intents[i.period]
	isOfEvents := i.period == meter.Period{}
	if isOfEvents {
		known = slices.DeleteFunc(slices.Clone(known), func(sum [32]byte) bool { return sum == i.sum })
		known = known[max(len(known)-1, 0):]
	}
	if isOfEvents || !slices.Contains(known, i.sum) {
		s.intents = maps.Clone(s.intents)
		s.intents[i.period] = append(slices.Clip(known), i.sum)
	}
	return Verdict{Outcome: Accepted}
}

// settleIntents forgets the intents of a period that was archived.
func (s *Store) settleIntents(p meter.Period) {
	if _, some := s.intents[p]; some {
		s.intents = maps.Clone(s.intents)
		delete(s.intents, p)
	}
}

// Intents returns the hashes of the files that may have taken the place of a period's
// archive since it was archived last.
func (s *Store) Intents(p meter.Period) [][32]byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clip(s.intents[p])
}

// encodeIntents writes for each intent
//
//	intent  05 | version | period | SHA-256 32 bytes
func encodeIntents(e *stateEncoder, s *state) {
	byText := func(a, b meter.Period) int { return strings.Compare(a.String(), b.String()) }
	for _, p := range slices.SortedFunc(maps.Keys(s.intents), byText) {
		for _, sum := range s.intents[p] {
			e.put(append(appendText(e.begin(), p.String()), sum[:]...))
		}
	}
}

func decodeIntent(d *StateDecoder) { d.intent().effect(d.s) }
