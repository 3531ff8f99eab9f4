package ledger

import (
	"cmp"
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
	archivedMonth
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
		s.archived[key] = &archivedRows{archivedMonth: key, points: points, err: err}
		recalled += store.RecallBytes(len(points))
	}
	s.to = len(s.readings)
	return recalled
}

// rowsOf returns the archived rows beside which a reading has to be judged, or nil if they were not read.
func (s *submission) rowsOf(at store.Reading) *archivedRows {
	month, _ := s.l.store.Month(at.Slot)
	return s.archived[archivedMonth{at.Meter, month.Month, month.Revision}]
}

// judgeLate judges a reading of a closed month by the meter's archived rows. The verdict is Archived if they have to be
// in memory before Apply can judge it.
func (s *submission) judgeLate(at store.Reading, rows *archivedRows) (store.Verdict, error) {
	if rows == nil {
		return store.Verdict{}, s.l.monthBusy(at.Slot)
	}
	if rows.err != nil {
		return store.Verdict{}, rows.err
	}
	i, found := slices.BinarySearchFunc(rows.points, at.Slot, meter.BySlot)
	isSame := found && rows.points[i].Register == at.Register
	// Apply alone knows what contradicts a reading of a meter that has been through much, and
	// forgets what was refused.
	switch {
	case isSame && !s.retake && !s.l.store.Affirms(at):
		return store.Verdict{Outcome: store.Duplicate}, nil
	case found && !isSame && !s.l.store.IsMarked(at.Meter):
		return store.Verdict{Outcome: store.Conflict, Other: rows.points[i]}, nil
	}
	return store.Verdict{Outcome: store.Archived}, nil
}

// late decides about a reading of a closed month.
func (s *submission) late(place int, at store.Reading) {
	rows := s.rowsOf(at)
	switch v, err := s.judgeLate(at, rows); {
	case err != nil:
		s.decide(place, Result{Err: cmp.Or(s.doubt, err)})
		return
	case v.Outcome != store.Archived:
		s.ruleBefore(place, v)
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
		s.commit.payload = store.AppendRecall(s.commit.payload, rows.month, rows.revision, at.Meter, rows.points)
	}
	s.take(place, at)
}

// isClosed reports whether a slot lies in a closed month.
func (l *Ledger) isClosed(slot meter.Slot) bool {
	_, closed := l.store.Month(slot)
	return closed
}
