package closing

import (
	"errors"
	"maps"
	"slices"
	"time"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Status is what is being done and what was done last.
type Status struct {
	Running  *Running // nil while nothing runs
	Last     map[Kind]*Run
	Archives []Listing // in order of time, days before months
	Due      []Due     // likewise
	Meters   int       // that are registered
}

// Running is how far the current run is in its phase.
type Running struct {
	Run           *Run
	Phase         string
	Rows          int64
	RowsPerSecond int64
	Meters        int64
	MetersTotal   int64 // 0 if the phase is not counted in meters
	Percent       int
	Left          time.Duration // 0 if nothing can be said yet
}

// Status returns the state of maintenance.
func (rs *Runs) Status() Status {
	status := Status{Archives: rs.listings(), Running: rs.running()}
	status.Due = rs.due(status.Archives)
	for n := range status.Archives {
		of := &status.Archives[n]
		if of.State == ArchiveGood && slices.ContainsFunc(status.Due, func(d Due) bool { return d.Period == of.Period }) {
			of.State = ArchiveBehind
		}
	}
	status.Meters, _ = rs.store.Counts()
	status.Last = rs.lastRuns(status.Archives)
	return status
}

// lastRuns returns the last run of each kind. Of one that another process did, before this one began or while it led,
// the archive tells, but not how long it took.
func (rs *Runs) lastRuns(archives []Listing) map[Kind]*Run {
	rs.mu.Lock()
	last := maps.Clone(rs.last)
	rs.mu.Unlock()
	for _, of := range archives {
		kind := kindOf(of.Period)
		if known := last[kind]; known == nil || known.FinishedAt.Before(of.WrittenAt) {
			last[kind] = &Run{
				Kind: kind, Subject: of.Period.String(), StartedAt: of.WrittenAt, FinishedAt: of.WrittenAt, Archives: []ArchiveInfo{of.ArchiveInfo},
			}
		}
	}
	return last
}

// kindOf returns what archives a period.
func kindOf(p meter.Period) Kind {
	if p.IsMonth() {
		return Monthly
	}
	return Daily
}

// LateMonths returns the closed months for which readings came since. The next
// monthly run archives them again.
func (rs *Runs) LateMonths() []meter.Month { return rs.store.LateMonths() }

// ListingState says whether an archive is on the disk as it was written.
type ListingState string

// The states of an archive. The journal's record is what counts; a manifest that
// does not agree with it is not believed.
const (
	ArchiveGood      ListingState = "good"
	ArchiveBehind    ListingState = "behind" // it is, but it is due: it was written early, or readings came since
	ArchiveMissing   ListingState = "file_missing"
	ArchiveChanged   ListingState = "file_changed"     // its length is not what was written
	ManifestMissing  ListingState = "manifest_missing" // the next run of the period writes it
	ManifestDisagree ListingState = "manifest_disagrees"
)

// Listing is an archive that was written, and what its manifest says of it.
type Listing struct {
	ArchiveInfo

	WrittenAt time.Time
	State     ListingState
	Manifest  *archive.Manifest // nil if it is missing or not believed
}

// listings lists what was written, in order of time, days before months.
func (rs *Runs) listings() []Listing {
	var all []Listing
	for _, day := range rs.store.Days() {
		all = append(all, rs.listing(day.Day.Period(), day.Archive))
	}
	for _, month := range rs.store.Months() {
		all = append(all, rs.listing(month.Month.Period(), month.Archive))
	}
	return all
}

func (rs *Runs) listing(p meter.Period, a store.Archive) Listing {
	name := archive.Name(p)
	path, size, missing := rs.archive.Stat(name)
	listing := Listing{ArchiveInfo: ArchiveInfo{p, path, a.Rows, a.SHA256}, WrittenAt: a.WrittenAt, State: ArchiveGood}
	manifest, err := rs.archive.Manifest(name)
	switch {
	case errors.Is(err, archive.ErrMissing):
		listing.State = ManifestMissing
	case err != nil || !manifest.Describes(a.Rows, a.SHA256):
		listing.State = ManifestDisagree
	default:
		listing.Manifest = &manifest
	}
	switch {
	case missing != nil:
		listing.State = ArchiveMissing
	case listing.Manifest != nil && size != manifest.Bytes:
		listing.State = ArchiveChanged
	}
	return listing
}
