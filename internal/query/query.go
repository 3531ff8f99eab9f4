// Package query answers what is asked of readings, wherever they are: in memory, in the
// archives of closed months, or in both.
//
// A meter's closed month is in memory or in its file. An answer says what is missing
// and guesses nothing unless it is asked to, and it is the same before and after a month was
// closed.
package query

import (
	"time"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/mutant"
	"meterledger/internal/store"
)

// Reader answers questions. It may be used by many goroutines at once.
type Reader struct {
	store   *store.Store
	archive *archive.Folder
	zone    *meter.Zone
	now     func() time.Time
	asked   func() // called at each question about a meter

	// Confirm is asked before an archive is called changed, which may be one that the store does not
	// know of yet. It must be set before the first question.
	Confirm Confirm

	scope  *meter.Scope // of the caller; nil for all meters
	within meter.Window // the scope's time
}

// New returns a reader of what a store and an archive folder hold. It calls asked at
// each question about a meter.
func New(s *store.Store, folder *archive.Folder, zone *meter.Zone, now func() time.Time, asked func()) *Reader {
	return &Reader{store: s, archive: folder, zone: zone, now: now, asked: asked, within: AllTime}
}

// find finds a meter by its id. One outside the scope is not even looked up, so that nothing tells
// it from one that is not registered.
func (q *Reader) find(id meter.ID) (store.Meter, error) {
	q.asked()
	if q.scope != nil && !q.scope.Has(id) && !mutant.OwnerUnchecked {
		return store.Meter{}, meter.UnknownMeter(id)
	}
	m, ok := q.store.Lookup(id)
	if !ok {
		return m, meter.UnknownMeter(id)
	}
	return m, nil
}

// horizon is the last slot that can have a reading: the present, or the
// meter's latest one if its clock is ahead.
func (q *Reader) horizon(m store.Meter) meter.Slot {
	now, latest := q.zone.Floor(q.now()), q.store.Latest(m.Index).Slot
	if latest > q.within.To && now < q.within.To {
		latest = 0
		if last, err := q.last(m); err == nil && last != nil { // else whoever reads it fails too
			latest = last.Slot
		}
	}
	return max(now, latest)
}

// Zone returns the time zone that days and months follow.
func (q *Reader) Zone() *meter.Zone { return q.zone }

// Now returns the reader's idea of the present.
func (q *Reader) Now() time.Time { return q.now() }
