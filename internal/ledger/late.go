package ledger

import (
	"slices"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// archivesMax is the number of archived months of meters whose rows one commit
// recalls: about 20 KB each, so that all fit into commitBytesMax.
const archivesMax = 32

// archivedMonth names one meter's rows in one archive.
type archivedMonth struct {
	meter    store.Index
	month    meter.Month
	revision uint32
}

// archivedRows are a meter's rows of a closed month.
type archivedRows struct {
	points   []meter.Point
	err      error // why they cannot be read
	recalled bool  // by this commit
}

// readArchives reads the archived rows that the store needs to judge late readings, and
// sets how many readings it has them for. It returns how many bytes their recalls can
// take. No lock is held while it reads.
func (s *submission) readArchives() (recalled int) {
	s.closedUntil = s.l.store.ClosedUntil()
	for place := s.from; place < len(s.readings); place++ {
		at := s.readings[place]
		if at.Slot >= s.closedUntil || s.l.store.Judge(at, s.restore).Outcome != store.Archived {
			continue // nearly always
		}
		month, closed := s.l.store.SummaryAt(at.Meter, at.Slot)
		key := archivedMonth{at.Meter, month.Month, month.Revision}
		if _, have := s.archived[key]; have || !closed {
			continue
		}
		if len(s.archived) == archivesMax {
			s.to = place
			return recalled
		}
		if s.archived == nil {
			s.archived = make(map[archivedMonth]*archivedRows)
		}
		points, err := s.l.lateRows(s.l.store, store.Meter{Index: at.Meter, ID: s.l.store.Account(at.Meter).ID}, month)
		s.archived[key] = &archivedRows{points: points, err: err}
		recalled += store.RecallBytes(len(points))
	}
	s.to = len(s.readings)
	return recalled
}

// late decides about a reading of a closed month. The meter's archived rows have to be
// in memory before Apply can judge another beside them.
func (s *submission) late(place int, at store.Reading) {
	month, _ := s.l.store.Month(at.Slot)
	rows, have := s.archived[archivedMonth{at.Meter, month.Month, month.Revision}]
	if !have {
		s.decide(place, Result{Err: s.l.monthBusy(at.Slot)})
		return
	}
	if rows.err != nil {
		s.decide(place, Result{Err: rows.err})
		return
	}
	i, found := slices.BinarySearchFunc(rows.points, at.Slot, meter.BySlot)
	isSame := found && rows.points[i].Register == at.Register
	// Apply alone knows what contradicts a reading of a meter that has been through much, and
	// forgets what was refused.
	if isSame && !s.retake && !s.l.store.Affirms(at) || found && !isSame && !s.l.store.IsMarked(at.Meter) {
		verdict := store.Verdict{Outcome: store.Duplicate}
		if !isSame {
			verdict = store.Verdict{Outcome: store.Conflict, Other: rows.points[i]}
		}
		s.rule(place, verdict)
		return
	}
	if err := s.keptOut(at.Slot); err != nil {
		s.decide(place, Result{Err: err})
		return
	}
	if s.full {
		s.decide(place, Result{Err: errMemoryFull})
		return
	}
	if !rows.recalled {
		rows.recalled = true
		s.recalls++
		s.commit.payload = store.AppendRecall(s.commit.payload, month.Month, month.Revision, at.Meter, rows.points)
	}
	s.take(place, at)
}

// isClosed reports whether a slot lies in a closed month.
func (l *Ledger) isClosed(slot meter.Slot) bool {
	_, closed := l.store.Month(slot)
	return closed
}
