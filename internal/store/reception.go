package store

// reception is the switch of reception. While it is off, readings and registrations
// get the verdict NotReceiving; restored readings and recalls do not. Of two that ask for
// the same from LevelHolds on, the later gets the verdict Duplicate.
//
//	reception  03 | on uint8
type reception struct{ on bool }

// AppendReception adds the switch of reception to a batch.
func AppendReception(b []byte, on bool) []byte { return appendFlag(append(b, byte(kindReception)), on) }

func (d *decoder) reception() reception { return reception{d.flag()} }

func (r reception) effect(s *Store) Verdict {
	if s.level >= LevelHolds && s.shut == !r.on {
		return Verdict{Outcome: Duplicate}
	}
	s.shut = !r.on
	s.told.isShut.Store(s.shut)
	return Verdict{Outcome: Accepted}
}

// refuses reports whether reception is off for everybody but an operator.
func (s *Store) refuses() bool { return s.shut && s.level >= LevelHolds }

// Receiving reports whether reception is on.
func (s *Store) Receiving() bool { return !s.told.isShut.Load() }
