package store

import (
	"maps"
	"slices"
	"strings"
)

// intent says that the file of a period (YYYY-MM-DD or YYYY-MM) is about to be replaced
// by one of the given hash. It stands until the period is archived: a run that is cut
// off may have put its file in place, and the next one knows it for ours.
//
//	intent  08 | period | SHA-256 32 bytes
type intent struct {
	period string
	sum    [32]byte
}

// AppendIntent adds an intent to a batch.
func AppendIntent(b []byte, period string, sha256 [32]byte) []byte {
	b = appendText(append(b, byte(kindIntent)), period)
	return append(b, sha256[:]...)
}

func decodeIntent(d *decoder) fact { return d.intent() }

func (d *decoder) intent() intent { return intent{d.text(), [32]byte(d.take(32))} }

func (i intent) effect(s *Store) Verdict {
	if known := s.intents[i.period]; !slices.Contains(known, i.sum) {
		s.intents = maps.Clone(s.intents)
		s.intents[i.period] = append(slices.Clip(known), i.sum)
	}
	return Verdict{Outcome: Accepted}
}

// settleIntents forgets the intents of a period that was archived.
func (s *Store) settleIntents(period string) {
	if _, some := s.intents[period]; some {
		s.intents = maps.Clone(s.intents)
		delete(s.intents, period)
	}
}

// Intents returns the hashes of the files that may have taken the place of a period's
// archive since it was archived last.
func (s *Store) Intents(period string) [][32]byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clip(s.intents[period])
}

// encodeIntents writes for each intent
//
//	intent  05 | version | period | SHA-256 32 bytes
func encodeIntents(e *stateEncoder, s *state) {
	for _, period := range slices.SortedFunc(maps.Keys(s.intents), strings.Compare) {
		for _, sum := range s.intents[period] {
			e.put(append(appendText(e.begin(5), period), sum[:]...))
		}
	}
}

func readIntent(r *stateReader, _ uint8) { r.intent().effect(r.s) }
