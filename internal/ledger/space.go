package ledger

import (
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/meter"
)

// errDiskFull is the answer to readings and registrations while the disk is nearly full.
// The reserve is for snapshots and for the journal entries of maintenance.
var errDiskFull = meter.Unavailable(meter.CodeDiskFull, 10*time.Second,
	"the disk is nearly full: readings and registrations are taken again as soon as there is space")

// space watches the disk of a folder.
type space struct {
	fs     vfs.FS
	folder string
	min    uint64 // bytes that must stay free
	log    *slog.Logger
	wasLow bool // used by the committer alone
}

// low reports whether less than the minimum would stay free after some more bytes
// were written. If the file system cannot tell, there is always enough.
func (s *space) low(more uint64) bool {
	free, known := s.free()
	return known && free < s.min+more
}

// free returns how much is free, and false if the file system cannot tell.
func (s *space) free() (bytes uint64, known bool) {
	usage, err := s.fs.GetDiskUsage(s.folder)
	return usage.AvailBytes, err == nil
}

// refuses is low, and logs when that changes.
func (s *space) refuses(more uint64) bool {
	low := s.low(more)
	switch {
	case low && !s.wasLow:
		s.log.Error("the disk is nearly full: readings and registrations are refused until there is space", "folder", s.folder, "free_bytes_min", s.min)
	case !low && s.wasLow:
		s.log.Info("the disk has space again: readings and registrations are taken", "folder", s.folder)
	}
	s.wasLow = low
	return low
}

// Ready returns nil if readings and registrations are taken, or why they are not.
func (l *Ledger) Ready() error {
	if !l.Receiving() {
		return errNotReceiving
	}
	if l.space.low(0) {
		return errDiskFull
	}
	return nil
}
