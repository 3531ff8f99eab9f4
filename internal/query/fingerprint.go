package query

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"

	"meterledger/internal/meter"
	"meterledger/internal/store"
	"meterledger/internal/vee"
)

// Fingerprint is a hash of what an answer about a meter's past is made of: two answers to
// the same question that have the same fingerprint are the same.
type Fingerprint [sha256.Size]byte

// ClosedFingerprint returns the fingerprint of a window all of whose months are closed,
// and false for any other. It is made of the archives as they were written and of what
// memory holds of the window, which is its last register and the late readings, and of the
// dials of the meter; no archive is read for it. Only if the scope leaves out a part of one of the
// months it is made of the readings: an archive also changes with what lies outside.
// With estimates it covers the readings next to the window too; there
// is none for vee.Auto, which looks at weeks before.
//
// A caller must ask for it before the answer: what comes in between makes the
// fingerprint older than the answer, never newer.
func (q *Reader) ClosedFingerprint(id meter.ID, w meter.Window, mode vee.Mode) (Fingerprint, bool, error) {
	m, w, err := q.findWithin(id, w)
	if err != nil || mode == vee.Auto {
		return Fingerprint{}, false, err
	}
	months, closed := q.store.Closed(w)
	if !closed || len(months) == 0 {
		return Fingerprint{}, false, nil
	}
	held := q.store.Read(m.Index, w, nil)
	dials, err := q.ownDials(m, held.Dials)
	if err != nil {
		return Fingerprint{}, false, err
	}
	points := held.Points
	sum := fingerprintHash{sha256.New()}
	// A register that was corrected and put back is not known as before.
	sum.numbers(uint64(w.From), uint64(w.To), uint64(len(months)), uint64(len(q.edits(m.Index, w))))
	sum.changes(dials)
	if slices.ContainsFunc(months, func(month store.ClosedMonth) bool { return q.isCut(month.Window) }) {
		if points, err = q.points(m, w, nil); err != nil {
			return Fingerprint{}, false, err
		}
	} else {
		sum.archives(months, held)
	}
	if mode != vee.None {
		before, err := q.before(m, w.From)
		if err != nil {
			return Fingerprint{}, false, err
		}
		after, err := q.after(m, w.To)
		if err != nil {
			return Fingerprint{}, false, err
		}
		for _, p := range []*meter.Point{before, after} {
			if p == nil {
				p = &meter.Point{}
			}
			points = append(points, *p)
		}
	}
	for _, p := range points {
		sum.numbers(uint64(p.Slot))
		sum.register(p.Register)
	}
	return Fingerprint(sum.Sum(nil)), true, nil
}

// ClosedMonthFingerprint returns the fingerprint of all meters' readings of a window that
// lies within one closed month, and false if it does not or if readings came since the
// month was closed.
func (q *Reader) ClosedMonthFingerprint(w meter.Window) (Fingerprint, bool) {
	months, closed := q.store.Closed(w)
	if !closed || len(months) != 1 || months[0].Late {
		return Fingerprint{}, false
	}
	sum := fingerprintHash{sha256.New()}
	sum.numbers(uint64(w.From), uint64(w.To), uint64(months[0].Revision))
	sum.Write(months[0].SHA256[:])
	return Fingerprint(sum.Sum(nil)), true
}

// fingerprintHash is a hash of numbers. It never fails to write.
type fingerprintHash struct{ hash.Hash }

// changes covers all of a meter's changes of dials: what lies outside the window hardly ever
// changes.
func (h fingerprintHash) changes(d meter.Dials) {
	h.numbers(uint64(len(d)))
	for i := range d {
		h.numbers(uint64(d[i].At), uint64(d[i].Kind), uint64(len(d[i].Serial)))
		if d[i].IsEstimated {
			h.numbers(1)
		}
		for _, r := range []meter.Register{d[i].Old, d[i].New, d[i].Estimated} {
			h.register(r)
		}
		_, _ = h.Write([]byte(d[i].Serial))
	}
}

// archives covers what was written of some months, and how much of a window memory holds. Of a
// meter whose only reading was withdrawn nothing is in memory either, but no archive counts.
func (h fingerprintHash) archives(months []store.ClosedMonth, held store.MeterRows) {
	h.numbers(uint64(len(held.Points)), uint64(len(held.Archives)))
	for _, month := range months {
		h.numbers(uint64(month.Window.From), uint64(month.Revision))
		h.Write(month.SHA256[:])
	}
}

func (h fingerprintHash) register(r meter.Register) {
	coefficient, scale := r.Parts()
	h.numbers(uint64(coefficient), uint64(scale))
}

func (h fingerprintHash) numbers(all ...uint64) {
	var b []byte
	for _, n := range all {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	h.Write(b)
}
