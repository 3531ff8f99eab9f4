package store

import (
	"errors"
	"fmt"
)

// Level says by which rules entries are judged. It is a fact like any other, so a
// journal that was begun under older rules comes to the verdicts that it always came to.
//
//	level  16 | level uint8
type Level uint8

// ErrNewer says that a newer version of this program wrote what cannot be read. It is not
// damaged.
var ErrNewer = errors.New("a newer version wrote it")

// The levels.
const (
	// LevelBegun is for journals whose writer refused readings of a held month, and all
	// readings while reception was shut down, before they reached the journal. A reading
	// of a closed month needs no recall if it is the meter's latest, and bills are made
	// from summaries.
	LevelBegun Level = 1
	// LevelHolds has holds, the switch of reception and bills as entries, which decide.
	// From here on arrivals are kept.
	LevelHolds Level = 2

	// LevelFields has the change of some of a meter's limits as an entry. Those that an operator puts back take the place
	// of no others.
	LevelFields Level = 3

	// LevelSums has summaries with the sums of their rows.
	LevelSums Level = 4

	LevelNewest = LevelSums
)

// AppendLevel adds to a batch that the entries after it are judged by the rules of a
// level. A lower level than the present one changes nothing.
func AppendLevel(b []byte, l Level) []byte { return append(b, byte(kindLevel), byte(l)) }

func (d *decoder) level() Level {
	l := Level(d.uint8())
	if l > LevelNewest {
		d.fail(fmt.Errorf("level %d is not known to this version: %w", l, ErrNewer))
	}
	return l
}

func (l Level) effect(s *Store) Verdict {
	if s.level < LevelHolds && l >= LevelHolds {
		s.deriveArrivals()
	}
	if s.level < l && s.shared.term != Alone {
		s.shared.digest = digestBasis
	}
	s.level = max(s.level, l)
	return Verdict{Outcome: Accepted}
}

// Level returns by which rules entries are judged.
func (s *Store) Level() Level {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.level
}
