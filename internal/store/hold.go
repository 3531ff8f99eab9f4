package store

import (
	"encoding/binary"
	"fmt"

	"meterledger/internal/meter"
)

// A run of maintenance takes a hold before it does anything, and names it in whatever
// it writes down: what names a hold that does not stand any more has no effect. So a
// closing that was delayed cannot drop readings that came after its hold was lifted,
// and of two runs only one can archive.
//
// While a hold over a window stands, readings in it get the verdict Held. All that were
// accepted before are in memory when the hold itself has got its verdict, and nothing
// is added to them until it is lifted.
//
//	hold   12 | hold id | window from, to uint32
//	free   17 | hold id
//	under  18 | hold id | summaries, bills, close, adopt, day or intent
//
//	hold id: term uint64 | incarnation uint64 | number uint64

// HoldID names a hold.
type HoldID struct {
	Term        uint64 // see Term
	Incarnation uint64 // drawn by the process
	Number      uint64 // of the process's holds, from 1
}

// Term is the term of whoever runs maintenance. It is 1 as long as there is one node.
const Term = 1

// Hold is the right of one run to archive, and the window that it holds back.
type Hold struct {
	ID     HoldID
	Window meter.Window
}

// NoWindow contains no slot: the window of a run that holds nothing back.
var NoWindow = meter.Window{From: 1, To: 0}

// noHold says that no run is under way.
var noHold = Hold{Window: NoWindow}

// AppendHold adds the beginning of a hold to a batch. Its verdict is Over if another
// stands, or if its term is over.
func AppendHold(b []byte, h Hold) []byte {
	return appendWindow(appendHoldID(append(b, byte(kindHold)), h.ID), h.Window)
}

// AppendFree adds to a batch that a hold is lifted. What is pending for its closing is
// dropped with it.
func AppendFree(b []byte, id HoldID) []byte { return appendHoldID(append(b, byte(kindFree)), id) }

// AppendUnder begins an entry that only has an effect while a hold stands. The entry
// itself must follow.
func AppendUnder(b []byte, id HoldID) []byte { return appendHoldID(append(b, byte(kindUnder)), id) }

func appendHoldID(b []byte, id HoldID) []byte {
	b = binary.BigEndian.AppendUint64(b, id.Term)
	b = binary.BigEndian.AppendUint64(b, id.Incarnation)
	return binary.BigEndian.AppendUint64(b, id.Number)
}

func (d *decoder) holdID() HoldID { return HoldID{d.uint64(), d.uint64(), d.uint64()} }

func (d *decoder) hold() Hold { return Hold{d.holdID(), d.window()} }

func decodeHold(d *decoder) fact { return d.hold() }

func (h Hold) effect(s *Store) Verdict {
	if h.ID.Term != Term || s.hold != noHold && s.hold != h {
		return Verdict{Outcome: Over}
	}
	if s.hold == noHold {
		s.hold = h
		clear(s.pending) // of a run that was cut off
	}
	return Verdict{Outcome: Accepted}
}

type free struct{ id HoldID }

func decodeFree(d *decoder) fact { return free{d.holdID()} }

func (f free) effect(s *Store) Verdict {
	if s.hold.ID != f.id {
		return Verdict{Outcome: Over}
	}
	s.hold = noHold
	clear(s.pending)
	return Verdict{Outcome: Accepted}
}

type under struct {
	id   HoldID
	fact fact
}

func decodeUnder(d *decoder) fact {
	u := under{id: d.holdID()}
	k := kind(d.uint8())
	if d.err == nil && !k.needsHold() {
		d.fail(fmt.Errorf("an entry of kind %d does not belong under a hold", k))
	}
	if d.err == nil {
		u.fact = decodeFact(k, d)
	}
	return u
}

func (u under) effect(s *Store) Verdict {
	if s.hold.ID != u.id {
		return Verdict{Outcome: Over}
	}
	return u.fact.effect(s)
}

// needsHold reports whether an entry of the kind only has an effect under a hold.
func (k kind) needsHold() bool {
	switch k {
	case kindSummaries, kindBills, kindClose, kindAdopt, kindDay, kindIntent:
		return true
	}
	return false
}

// holdsBack reports whether readings of a window are held back for the present run.
func (s *Store) holdsBack(w meter.Window) bool {
	return s.level < LevelHolds || s.hold.Window.Contains(w.From) && s.hold.Window.Contains(w.To)
}

// Hold returns the hold that stands, if there is one.
func (s *Store) Hold() (Hold, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.hold, s.hold != noHold
}

// encodeHold writes, if a hold stands,
//
//	hold  13 | version | hold id | window from, to uint32
func encodeHold(e *stateEncoder, s *state) {
	if s.hold != noHold {
		e.put(appendWindow(appendHoldID(e.begin(13), s.hold.ID), s.hold.Window))
	}
}

func readHold(r *stateReader, _ uint8) { r.s.hold = r.hold() }
