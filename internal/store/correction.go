package store

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"meterledger/internal/meter"
)

// Correction replaces or withdraws registers of one meter that were wrong: all of its edits
// take effect, or none. It is taken also while reception is shut down. One that an operator
// puts back has an effect only where the register that it replaces stands, since archives
// hold what it replaced that by; it adds to the history what that lacks.
//
//	correction  26 | meter uint32 | note | n uint32 | n × edit
//
//	note: time | by | reason
//	edit: slot uint32 | register before | withdrawn uint8 | register after
type Correction struct {
	Meter Index
	Note
	Edits []Edit // in order of time, one a slot at the most
}

// Note says who changed a meter's past, when and why.
type Note struct {
	At     time.Time // whole seconds
	By     string    // empty if nobody said who
	Reason string
}

// Edit is what becomes of one reading.
type Edit struct {
	Slot        meter.Slot
	Before      meter.Register
	After       meter.Register // zero if IsWithdrawn
	IsWithdrawn bool           // there is no reading afterwards
}

func (e Edit) after() meter.Point { return meter.Point{Slot: e.Slot, Register: e.After} }

func compareEdit(e Edit, slot meter.Slot) int { return cmp.Compare(e.Slot, slot) }

// AppendCorrection adds a correction to a batch.
func AppendCorrection(b []byte, c *Correction) []byte {
	b = binary.BigEndian.AppendUint32(append(b, byte(kindCorrection)), uint32(c.Meter))
	b = appendNote(b, c.Note)
	b = binary.BigEndian.AppendUint32(b, uint32(len(c.Edits)))
	for _, e := range c.Edits {
		b = appendEdit(b, e)
	}
	return b
}

// AppendRestoredCorrection adds a correction that an operator puts back.
func AppendRestoredCorrection(b []byte, c *Correction) []byte {
	return AppendCorrection(append(b, byte(kindRestored)), c)
}

func appendNote(b []byte, n Note) []byte {
	return appendText(appendText(appendTime(b, n.At), n.By), n.Reason)
}

func appendEdit(b []byte, e Edit) []byte {
	b = appendFlag(appendPoint(b, meter.Point{Slot: e.Slot, Register: e.Before}), e.IsWithdrawn)
	return appendRegister(b, e.After)
}

func (d *decoder) note() Note { return Note{At: d.time(), By: d.text(), Reason: d.text()} }

func (d *decoder) edit() Edit {
	before := d.point()
	e := Edit{Slot: before.Slot, Before: before.Register, IsWithdrawn: d.flag(), After: d.register()}
	if e.IsWithdrawn && e.After != (meter.Register{}) {
		d.fail(errors.New("a reading is both withdrawn and corrected"))
	}
	return e
}

func (d *decoder) correction() *Correction {
	c := &Correction{Meter: d.meter(), Note: d.note()}
	for range d.items {
		e := d.edit()
		if n := len(c.Edits); n > 0 && e.Slot <= c.Edits[n-1].Slot {
			d.fail(errors.New("corrections are not in order of time"))
		}
		c.Edits = append(c.Edits, e)
	}
	if len(c.Edits) == 0 {
		d.fail(errors.New("a correction of nothing"))
	}
	return c
}

func (c *Correction) effect(s *Store) Verdict { return c.take(s, false) }

func (c *Correction) take(s *Store, restored bool) Verdict {
	j := correctionJudge{s: s, Correction: c, restored: restored}
	_, verdict := j.judge()
	if verdict.Outcome != Accepted {
		return verdict
	}
	if l := *s.lifeOf(c.Meter); !j.dials.Equal(l.dials) {
		l.dials = j.dials
		s.live(c.Meter, l)
	}
	for _, e := range j.effective {
		s.unrecord(c.Meter, e.Slot)
		if !e.IsWithdrawn {
			s.record(c.Meter, e.after())
		}
		if s.level >= LevelHolds {
			s.arrive(e.Slot)
		}
		s.closeAgain(e.Slot, true)
	}
	s.remember(c, restored)
	return verdict
}

// restoredCorrection is a correction that an operator puts back.
type restoredCorrection struct{ *Correction }

func (c restoredCorrection) effect(s *Store) Verdict { return c.take(s, true) }

// JudgeCorrection says what Apply would decide about a correction now, beside what is in
// memory and rows of the months that ToRecall has named. If it refuses, place is that of the
// edit which it refuses. It keeps what is certainly refused out of the journal; only Apply
// decides.
func (s *Store) JudgeCorrection(c *Correction, rows []meter.Point, restored bool) (place int, v Verdict) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	j := correctionJudge{s: s, Correction: c, restored: restored, isGiven: true, rows: rows}
	return j.judge()
}

// ToRecall returns the closed months, in order of time, whose rows of the meter must be in
// memory before Apply can judge a correction; none for one that is recorded.
func (s *Store) ToRecall(c *Correction, restored bool) (months []MonthSummary) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.edits.at(c.Meter).has(c, restored) {
		return nil
	}
	var last *month
	for _, e := range c.Edits {
		for _, m := range s.concerned(e.Slot, true) {
			if m != last && m.mustRecall(c.Meter) && (last == nil || last.Month.Before(m.Month)) {
				summary, _ := m.summary(c.Meter)
				months = append(months, MonthSummary{m.MonthArchive, summary})
				last = m
			}
		}
	}
	return months
}

// correctionJudge judges a correction.
type correctionJudge struct {
	*Correction

	s        *Store
	restored bool
	isGiven  bool          // rows are those that must be recalled
	rows     []meter.Point // in order of time

	effective []Edit      // those that change something
	dials     meter.Dials // that follow
}

// judge returns a verdict, and the place of the edit that it is about if it is a refusal.
func (j *correctionJudge) judge() (place int, v Verdict) {
	if j.s.edits.at(j.Meter).has(j.Correction, j.restored) {
		return 0, Verdict{Outcome: Duplicate}
	}
	for place, e := range j.Edits {
		switch v := j.find(e); {
		case v.Outcome == Accepted:
			j.effective = append(j.effective, e)
		case !j.restored || v.Outcome == Held || v.Outcome == Archived:
			return place, v
		}
	}
	l := j.s.lifeOf(j.Meter)
	j.dials = l.dials
	for n := 0; n < len(j.effective); {
		first := n
		dials, fall := j.dials.Correct(j.stretch(&n), l.limits)
		if fall != nil {
			e, v := fell(*fall, j.effective[first:n])
			place, _ := slices.BinarySearchFunc(j.Edits, e.Slot, compareEdit)
			return place, v
		}
		j.dials = dials
	}
	return 0, Verdict{Outcome: Accepted}
}

// find looks for the register that an edit replaces, and for what forbids the new one
// whatever its neighbours are.
func (j *correctionJudge) find(e Edit) Verdict {
	if v := j.s.open(j.Meter, e.Slot, true); v.Outcome == Held || v.Outcome == Archived && !j.isGiven {
		return v
	}
	recorded, ok := j.at(e.Slot)
	l, at := j.s.lifeOf(j.Meter), e.Slot.Instant()
	c, isChange := l.dials.Find(at)
	over := l.dials.RollsOverAt(at, l.limits)
	switch {
	case !ok:
		return Verdict{NoReading, meter.Point{Slot: e.Slot}}
	case recorded != e.Before:
		return Verdict{Conflict, meter.Point{Slot: e.Slot, Register: recorded}}
	case isChange && !c.IsEstimated: // what stands there is what the old dial showed last
		return Verdict{ExchangeConflict, meter.Point{Slot: e.Slot, Register: c.Old}}
	case over != (meter.Register{}) && e.After.Cmp(over) >= 0:
		return Verdict{AtModulus, meter.Point{Slot: e.Slot, Register: over}}
	}
	return Verdict{Outcome: Accepted}
}

// stretch returns the meter's readings as they would be, from the unchanged one before the
// n-th effective edit to the next unchanged one, and goes on to the edit after that.
func (j *correctionJudge) stretch(n *int) (s meter.Stretch) {
	before, ok := j.before(j.effective[*n].Slot)
	if s.Begins = !ok; ok {
		s.Readings = append(s.Readings, before)
	}
	for {
		e := j.effective[*n]
		if !e.IsWithdrawn {
			s.Readings = append(s.Readings, e.after())
		}
		*n++
		next, ok := j.after(e.Slot)
		switch {
		case !ok:
			s.Ends = true
			return s
		case *n == len(j.effective) || j.effective[*n].Slot != next.Slot:
			s.Readings = append(s.Readings, next)
			return s
		}
	}
}

// fell returns with which of the edits of a stretch registers do not rise, and the verdict on it.
func fell(f meter.Fall, edits []Edit) (Edit, Verdict) {
	find := func(k meter.Knot) (Edit, bool) {
		place, found := slices.BinarySearchFunc(edits, k.Point().Slot, compareEdit)
		if !found || k.OfChange || edits[place].IsWithdrawn {
			return edits[0], false
		}
		return edits[place], true
	}
	if e, isLater := find(f.To); isLater {
		return e, below(f.From)
	}
	e, _ := find(f.From)
	return e, above(f.To)
}

func (j *correctionJudge) at(slot meter.Slot) (meter.Register, bool) {
	if register, ok := j.s.grid.at(j.Meter, slot); ok {
		return register, true
	}
	if place, found := slices.BinarySearchFunc(j.rows, slot, meter.BySlot); found {
		return j.rows[place].Register, true
	}
	return meter.Register{}, false
}

func (j *correctionJudge) before(slot meter.Slot) (meter.Point, bool) {
	near, ok := j.s.earlier(j.Meter, slot)
	if place, _ := slices.BinarySearchFunc(j.rows, slot, meter.BySlot); place > 0 && (!ok || j.rows[place-1].Slot > near.Slot) {
		return j.rows[place-1], true
	}
	return near, ok
}

func (j *correctionJudge) after(slot meter.Slot) (meter.Point, bool) {
	near, ok := j.s.later(j.Meter, slot)
	if place, _ := slices.BinarySearchFunc(j.rows, slot+1, meter.BySlot); place < len(j.rows) && (!ok || j.rows[place].Slot < near.Slot) {
		return j.rows[place], true
	}
	return near, ok
}
