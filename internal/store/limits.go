package store

import (
	"encoding/binary"
	"fmt"

	"meterledger/internal/meter"
)

// limitsFact says what is known of a meter's present dial, and of the house behind it.
//
//	limits  25 | meter uint32 | limits
type limitsFact struct {
	meter  Index
	limits meter.Limits
}

// AppendLimits adds a meter's limits to a batch.
func AppendLimits(b []byte, i Index, l meter.Limits) []byte {
	return appendLimits(binary.BigEndian.AppendUint32(append(b, byte(kindLimits)), uint32(i)), l)
}

// AppendRestoredLimits adds limits that an operator puts back.
func AppendRestoredLimits(b []byte, i Index, l meter.Limits) []byte {
	return AppendLimits(append(b, byte(kindRestored)), i, l)
}

func (d *decoder) limitsFact() limitsFact { return limitsFact{d.meter(), d.limits()} }

func (f limitsFact) effect(s *Store) Verdict {
	l := *s.lifeOf(f.meter)
	if l.limits == f.limits {
		return Verdict{Outcome: Duplicate}
	}
	if over := f.limits.RollsOverAt; over != l.limits.RollsOverAt && over != (meter.Register{}) {
		if at, isBelow := s.shownBelow(f.meter, over); !isBelow {
			return Verdict{AtModulus, at}
		}
	}
	l.limits = f.limits
	s.live(f.meter, l)
	return Verdict{Outcome: Accepted}
}

// restoredLimits are limits that an operator puts back.
type restoredLimits struct{ limitsFact }

func (f restoredLimits) effect(s *Store) Verdict {
	if now := s.lifeOf(f.meter).limits; s.level >= LevelFields && now != (meter.Limits{}) && now != f.limits {
		return Verdict{Outcome: ExchangeConflict}
	}
	return f.limitsFact.effect(s)
}

// someLimits changes some of a meter's limits.
//
//	some limits  35 | meter uint32 | which uint8 | limits
//
// which is 1 for the register at which the dial rolls over, and 2 more for the power. What is not given is 0.
type someLimits struct {
	meter Index
	some  meter.SomeLimits
}

const (
	givenRollsOverAt = 1 << iota
	givenMaxKW
)

// AppendSomeLimits adds a change of some of a meter's limits to a batch. It needs LevelFields: programs of before do not know it.
func AppendSomeLimits(b []byte, i Index, some meter.SomeLimits) []byte {
	which := byte(0)
	if some.RollsOverAt != nil {
		which |= givenRollsOverAt
	}
	if some.MaxKW != nil {
		which |= givenMaxKW
	}
	b = append(binary.BigEndian.AppendUint32(append(b, byte(kindSomeLimits)), uint32(i)), which)
	return appendLimits(b, some.Over(meter.Limits{}))
}

func (d *decoder) someLimits() someLimits {
	f := someLimits{meter: d.meter()}
	which, limits := d.uint8(), d.limits()
	if which > givenRollsOverAt|givenMaxKW {
		d.fail(fmt.Errorf("limits of which %d are given are not known to this version: %w", which, ErrNewer))
	}
	if which&givenRollsOverAt != 0 {
		f.some.RollsOverAt = &limits.RollsOverAt
	}
	if which&givenMaxKW != 0 {
		f.some.MaxKW = &limits.MaxKW
	}
	return f
}

func (f someLimits) effect(s *Store) Verdict {
	return limitsFact{f.meter, f.some.Over(s.lifeOf(f.meter).limits)}.effect(s)
}

// shownBelow reports whether the present dial of a meter is known to have shown nothing but
// registers below one. If it has rolled over, it has shown all below that at which it did. It
// also returns the most that it has shown.
func (s *Store) shownBelow(i Index, over meter.Register) (most meter.Point, isBelow bool) {
	most = s.latest.at(i)
	if d := s.lifeOf(i).dials; len(d) > 0 {
		last := d[len(d)-1]
		slot, _ := last.At.Slot()
		if last.Kind == meter.Rollover {
			return meter.Point{Slot: slot, Register: last.Old}, last.Old.Cmp(over) <= 0
		}
		if most.Slot.Instant() <= last.At {
			most = meter.Point{Slot: slot, Register: last.New}
		}
	}
	return most, most.Slot == 0 || most.Register.Cmp(over) < 0
}

// rollover is one that an operator puts back: the readings around it may be in archives that
// are not read yet.
//
//	rollover  30 | meter uint32 | change
type rollover struct {
	meter  Index
	change meter.Change
}

// AppendRestoredRollover adds a rollover to a batch.
func AppendRestoredRollover(b []byte, i Index, c meter.Change) []byte {
	b = append(b, byte(kindRestored), byte(kindRollover))
	return appendChange(binary.BigEndian.AppendUint32(b, uint32(i)), c)
}

func (d *decoder) rollover() rollover {
	r := rollover{d.meter(), d.change()}
	if r.change.Kind != meter.Rollover || r.change.New != (meter.Register{}) {
		d.fail(fmt.Errorf("a change of kind %d to %v is no rollover", r.change.Kind, r.change.New))
	}
	return r
}

func (r rollover) effect(s *Store) Verdict {
	l := *s.lifeOf(r.meter)
	slot, _ := r.change.At.Slot()
	near := s.around(r.meter, slot)
	for _, c := range l.dials {
		if c.Kind == meter.Rollover && (c.At == r.change.At || c.Old == r.change.Old && near.encloses(c.At)) {
			if c.Says(r.change) || c.At != r.change.At {
				return Verdict{Outcome: Duplicate}
			}
			return Verdict{ExchangeConflict, meter.Point{Slot: slot, Register: c.Old}}
		}
	}
	if v := s.open(r.meter, slot, false); v.Outcome != Accepted {
		return v
	}
	if (near.before != nil || near.at != nil) && near.after != nil { // it is known that there was none
		return Verdict{ExchangeConflict, *near.after}
	}
	l.dials = l.dials.With(r.change)
	s.live(r.meter, l)
	return Verdict{Outcome: Accepted}
}
