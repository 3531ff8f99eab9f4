package store

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"
	"unsafe"

	"meterledger/internal/meter"
)

// Past is an edit that took place.
type Past struct {
	Edit
	Note
}

// pastEdits are what was corrected of one meter, in order of time, and of one slot in the order
// in which it was done. They are never changed, only replaced.
type pastEdits struct{ all []Past }

// of returns what was corrected of a slot.
func (h *pastEdits) of(slot meter.Slot) []Past {
	return h.within(meter.Window{From: slot, To: slot})
}

func (h *pastEdits) within(w meter.Window) []Past {
	if h == nil {
		return nil
	}
	by := func(p Past, slot meter.Slot) int { return compareEdit(p.Edit, slot) }
	from, _ := slices.BinarySearchFunc(h.all, w.From, by)
	n, _ := slices.BinarySearchFunc(h.all[from:], w.To, func(p Past, to meter.Slot) int { return compareEdit(p.Edit, to)*2 - 1 })
	return h.all[from : from+n]
}

// replaced reports whether a correction has taken the place of a register, and none has put it
// back. Whoever sends it once more does not undo that.
func (h *pastEdits) replaced(p meter.Point) bool {
	of := h.of(p.Slot)
	if n := len(of); n > 0 && !of[n-1].IsWithdrawn && of[n-1].After == p.Register {
		return false
	}
	return slices.ContainsFunc(of, func(past Past) bool { return past.Before == p.Register })
}

// has reports whether a correction is recorded: of all its slots it was the last, or, of one
// that is put back, any.
func (h *pastEdits) has(c *Correction, restored bool) bool {
	for _, e := range c.Edits {
		of := h.of(e.Slot)
		if !restored {
			of = of[max(len(of)-1, 0):]
		}
		if !slices.ContainsFunc(of, func(p Past) bool {
			return p.Edit == e && p.By == c.By && p.Reason == c.Reason && (!restored || p.At.Equal(c.At))
		}) {
			return false
		}
	}
	return true
}

// remember adds a correction to the history of its meter. One that is put back stands before
// those of its slots that are younger.
func (s *Store) remember(c *Correction, restored bool) {
	note := c.Note
	if !restored {
		note.At = s.edits.at(c.Meter).noEarlier(c)
	}
	var old, all []Past
	if before := s.edits.at(c.Meter); before != nil {
		old = before.all
		all = make([]Past, 0, len(old)+len(c.Edits))
	}
	for _, e := range c.Edits {
		n := 0
		for n < len(old) && (old[n].Slot < e.Slot || old[n].Slot == e.Slot && !(restored && old[n].At.After(c.At))) {
			n++
		}
		past := Past{e, note}
		all, old = append(append(all, old[:n]...), past), old[n:]
		s.held.lives += past.bytes()
	}
	s.setHistory(c.Meter, &pastEdits{append(all, old...)})
}

// noEarlier returns when a correction was done, or when its slots were corrected last if the clock
// was set back since: by these times a restore knows what came after what.
func (h *pastEdits) noEarlier(c *Correction) time.Time {
	at := c.At
	for _, e := range c.Edits {
		if of := h.of(e.Slot); len(of) > 0 && of[len(of)-1].At.After(at) {
			at = of[len(of)-1].At
		}
	}
	return at
}

func (s *Store) setHistory(i Index, h *pastEdits) {
	s.edits.set(i, h, s.grid.ice)
	s.mark(i)
}

// bytes returns what an edit of the past takes: its texts too, though others may share them.
func (p Past) bytes() int64 { return int64(unsafe.Sizeof(p)) + int64(len(p.By)+len(p.Reason)) }

// GrowthMax is what a correction can make a store grow by, in bytes.
func (c *Correction) GrowthMax() int64 {
	return int64(len(c.Edits)) * (GrowthMax + 2*Past{Note: c.Note}.bytes())
}

// History returns what was corrected of a meter within a window, in order of time, and of one
// time in the order in which it was done. The caller must not change it.
func (s *Store) History(i Index, w meter.Window) []Past {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.edits.at(i).within(w)
}

// Replaced reports whether a correction or an exchange has taken the place of a meter's register,
// which a file that was written before it still has.
func (s *Store) Replaced(id meter.ID, p meter.Point) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i, known := s.directory.find(id)
	return known && (s.edits.at(i).replaced(p) || slices.Contains(s.lifeOf(i).displaced, p))
}

// HasReplaced reports whether any register of a meter within a window was replaced.
func (s *Store) HasReplaced(i Index, w meter.Window) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.edits.at(i).within(w)) > 0 || slices.ContainsFunc(s.lifeOf(i).displaced, func(p meter.Point) bool { return w.Contains(p.Slot) })
}

// encodeHistories writes
//
//	history  22 | version | n uint32 | n × (meter uint32 | edit | note)
func encodeHistories(e *stateEncoder, s *state) {
	type meterPast struct {
		Index
		*Past
	}
	var all []meterPast
	for i, h := range s.edits.all {
		for n := range h.all {
			all = append(all, meterPast{i, &h.all[n]})
		}
	}
	encodeList(e, all, noHead, func(b []byte, of meterPast) []byte {
		return appendNote(appendEdit(binary.BigEndian.AppendUint32(b, uint32(of.Index)), of.Edit), of.Note)
	})
}

func decodeHistories(d *StateDecoder) {
	for range d.items {
		i, p := d.meter(), Past{d.edit(), d.note()}
		if d.err != nil {
			return
		}
		h := d.s.edits.at(i)
		if h == nil {
			h = &pastEdits{}
			d.s.setHistory(i, h)
		}
		if n := len(h.all); n > 0 && p.Slot < h.all[n-1].Slot {
			d.fail(errors.New("a history is not in order of time"))
		}
		h.all = append(h.all, p)
		d.s.held.lives += p.bytes()
	}
}
