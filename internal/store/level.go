package store

import "fmt"

// Level says by which rules entries are judged. It is a fact like any other, so a
// journal that was begun under older rules comes to the verdicts that it always came to.
//
//	level  16 | level uint8
type Level uint8

// The levels.
const (
	// LevelBegun has what a month held back and what ended reception decided before
	// the journal, lets in a reading of a closed month without a recall if it is the
	// meter's latest, and makes bills from summaries.
	LevelBegun Level = 1
	// LevelHolds has all of that as entries: what must hold for a verdict is a fact.
	LevelHolds Level = 2

	LevelNewest = LevelHolds
)

// AppendLevel adds to a batch that what comes behind it is judged by the rules of a
// level. A lower one than that of before changes nothing.
func AppendLevel(b []byte, l Level) []byte { return append(b, byte(kindLevel), byte(l)) }

func decodeLevel(d *decoder) fact {
	l := Level(d.uint8())
	if d.err == nil && l > LevelNewest {
		d.fail(fmt.Errorf("level %d is not known to this version", l))
	}
	return l
}

func (l Level) effect(s *Store) Verdict {
	s.level = max(s.level, l)
	return Verdict{Outcome: Accepted}
}

// Level returns by which rules entries are judged.
func (s *Store) Level() Level {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.level
}
