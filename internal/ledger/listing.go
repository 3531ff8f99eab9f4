package ledger

import (
	"errors"
	"time"

	"meterledger/internal/archive"
	"meterledger/internal/store"
)

// ListingState says whether an archive is on the disk as it was written.
type ListingState string

// The states of an archive. The journal's record is what counts; a manifest that
// does not agree with it is not believed.
const (
	ArchiveGood      ListingState = "good"
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
	Manifest  *archive.Manifest // nil where it is missing or not believed
}

// listings lists what was written, in order of time, days before months.
func (l *Ledger) listings() []Listing {
	var all []Listing
	for _, day := range l.store.Days() {
		all = append(all, l.listing(archive.Name(day.Day.Period()), l.dayInfo(day), day.Archive))
	}
	for _, month := range l.store.Months() {
		all = append(all, l.listing(archive.Name(month.Month.Period()), l.monthInfo(month), month.Archive))
	}
	return all
}

func (l *Ledger) listing(name string, info ArchiveInfo, a store.Archive) Listing {
	listing := Listing{ArchiveInfo: info, WrittenAt: a.WrittenAt, State: ArchiveGood}
	manifest, err := l.archive.Manifest(name)
	switch {
	case errors.Is(err, archive.ErrMissing):
		listing.State = ManifestMissing
	case err != nil || !manifest.Describes(a.Rows, a.SHA256):
		listing.State = ManifestDisagree
	default:
		listing.Manifest = &manifest
	}
	_, size, err := l.archive.Stat(name)
	switch {
	case err != nil:
		listing.State = ArchiveMissing
	case listing.Manifest != nil && size != manifest.Bytes:
		listing.State = ArchiveChanged
	}
	return listing
}
