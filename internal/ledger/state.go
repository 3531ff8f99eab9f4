package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"

	"meterledger/internal/meter"
)

// State names what an answer about a meter's past is made of: two answers to the
// same question that have the same state are the same.
type State [sha256.Size]byte

// ClosedState returns the state of a window all of whose months are closed, and
// false for any other. It is made of the archives as they were written and of what
// memory holds of the window, which is its last register and the late readings; no
// archive is read for it. With around it covers the readings next to the window too.
//
// Whoever answers with it has to ask for it first: what comes in between makes the
// state older than the answer, never newer.
func (l *Ledger) ClosedState(id meter.ID, w meter.Window, around bool) (State, bool, error) {
	m, err := l.find(id)
	if err != nil {
		return State{}, false, err
	}
	months, closed := l.store.Closed(w)
	if !closed {
		return State{}, false, nil
	}
	points := l.store.Read(m.Index, w, nil).Points
	sum := stateHash{sha256.New()}
	sum.numbers(uint64(w.From), uint64(w.To), uint64(len(months)), uint64(len(points)))
	for _, m := range months {
		sum.numbers(uint64(m.Window.From), uint64(m.Revision))
		sum.Write(m.SHA256[:])
	}
	if around {
		before, err := l.before(m, w.From)
		if err != nil {
			return State{}, false, err
		}
		after, err := l.after(m, w.To)
		if err != nil {
			return State{}, false, err
		}
		for _, p := range []*meter.Point{before, after} {
			if p == nil {
				p = &meter.Point{}
			}
			points = append(points, *p)
		}
	}
	for _, p := range points {
		coefficient, scale := p.Register.Parts()
		sum.numbers(uint64(p.Slot), uint64(coefficient), uint64(scale))
	}
	return State(sum.Sum(nil)), true, nil
}

// ClosedMonthState returns the state of all meters' readings of a window that lies
// within one closed month, and false where it does not or where readings came since
// the month was closed.
func (l *Ledger) ClosedMonthState(w meter.Window) (State, bool) {
	months, closed := l.store.Closed(w)
	if !closed || len(months) != 1 || months[0].Late {
		return State{}, false
	}
	sum := stateHash{sha256.New()}
	sum.numbers(uint64(w.From), uint64(w.To), uint64(months[0].Revision))
	sum.Write(months[0].SHA256[:])
	return State(sum.Sum(nil)), true
}

// stateHash is a hash of numbers. It never fails to write.
type stateHash struct{ hash.Hash }

func (h stateHash) numbers(all ...uint64) {
	var b []byte
	for _, n := range all {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	h.Write(b)
}
