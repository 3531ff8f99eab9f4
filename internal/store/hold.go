package store

import (
	"encoding/binary"

	"meterledger/internal/meter"
	"meterledger/internal/mutant"
)

// A run of maintenance takes a hold before it does anything, and names it in every
// entry it writes: an entry that names a hold that does not stand has no effect. So a
// closing that was delayed cannot drop readings that came after its hold was lifted,
// and of two runs only one can archive.
//
// While a hold over a window stands, readings in the window get the verdict Held. All
// that were accepted before are in memory when the hold has got its verdict, and no
// other is added until the hold is lifted.
//
//	hold   12 | hold id | window from, to uint32
//	free   17 | hold id
//	under  18 | hold id | summaries, bills, close, adopt, day or intent
//
//	hold id: term uint64 | incarnation uint64 | number uint64

// HoldID names a hold.
type HoldID struct {
	Term        uint64 // the number of the term in which the run began
	Incarnation uint64 // of the process
	Number      uint64 // of the process's holds, from 1
}

// Hold is the right of one run to archive, and the window whose readings it holds back.
type Hold struct {
	ID     HoldID
	Window meter.Window
}

// NoWindow contains no slot: the window of a run that holds nothing back.
var NoWindow = meter.Window{From: 1, To: 0}

// noHold says that no run is under way.
var noHold = Hold{Window: NoWindow}

// AppendHold adds the beginning of a hold to a batch. Its verdict is Over if another
// hold stands, or if it is not of the store's term.
func AppendHold(b []byte, h Hold) []byte {
	return appendWindow(appendHoldID(append(b, byte(kindHold)), h.ID), h.Window)
}

// AppendFree adds the end of a hold to a batch. It drops what is pending for a closing.
func AppendFree(b []byte, id HoldID) []byte { return appendHoldID(append(b, byte(kindFree)), id) }

// AppendUnder names the hold for an entry that needs one, which must follow.
func AppendUnder(b []byte, id HoldID) []byte { return appendHoldID(append(b, byte(kindUnder)), id) }

func appendHoldID(b []byte, id HoldID) []byte {
	b = binary.BigEndian.AppendUint64(b, id.Term)
	b = binary.BigEndian.AppendUint64(b, id.Incarnation)
	return binary.BigEndian.AppendUint64(b, id.Number)
}

func (d *decoder) holdID() HoldID { return HoldID{d.uint64(), d.uint64(), d.uint64()} }

func (d *decoder) hold() Hold { return Hold{d.holdID(), d.window()} }

func (h Hold) effect(s *Store) Verdict {
	if !s.shared.term.grants(h.ID) || s.hold != noHold && s.hold != h {
		return Verdict{Outcome: Over}
	}
	if s.hold == noHold {
		s.hold = h
		clear(s.pending) // of a run that was cut off
		s.countRecords()
	}
	return Verdict{Outcome: Accepted}
}

// release is the end of a hold.
type release struct{ id HoldID }

func (d *decoder) release() release { return release{d.holdID()} }

func (r release) effect(s *Store) Verdict {
	if !s.stands(r.id) {
		return Verdict{Outcome: Over}
	}
	s.drop()
	return Verdict{Outcome: Accepted}
}

// drop ends the hold that stands, and forgets what was pending for it.
func (s *Store) drop() {
	s.hold = noHold
	clear(s.pending)
	s.countRecords()
}

// stands reports whether the hold of an id stands. None has the id of noHold.
func (s *Store) stands(id HoldID) bool {
	return s.hold != noHold && (s.hold.ID == id || mutant.HoldWithoutID)
}

// meets reports whether some of a window is held back.
func (h Hold) meets(w meter.Window) bool { return h.Window.From <= w.To && w.From <= h.Window.To }

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
		e.put(appendWindow(appendHoldID(e.begin(), s.hold.ID), s.hold.Window))
	}
}

func decodeHold(d *StateDecoder) { d.s.hold = d.hold() }
