package ledger

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/meter"
)

// errDiskFull is the answer to readings and registrations while the disk is nearly full.
// The reserve is for snapshots and for the journal entries of maintenance.
var errDiskFull = meter.Unavailable(meter.CodeDiskFull, 10*time.Second,
	"the disk is nearly full: readings and registrations are taken again as soon as there is space").Because(meter.ReasonDiskFull)

// space watches the disk of a folder.
type space struct {
	fs     vfs.FS
	folder string
	min    uint64 // bytes that must stay free
	log    *slog.Logger
	// lacking is how many bytes above min did not fit when they were last refused, and one
	// more; 0 while readings are taken.
	lacking atomic.Uint64
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

// refuses is low, remembers it for the gate, and logs when that changes.
func (s *space) refuses(more uint64) bool {
	lacking := uint64(0)
	if s.low(more) {
		lacking = more + 1
	}
	was := s.lacking.Swap(lacking)
	switch {
	case lacking > 0 && was == 0:
		s.log.Error("the disk is nearly full: readings and registrations are refused until there is space", "folder", s.folder, "free_bytes_min", s.min)
	case lacking == 0 && was > 0:
		s.log.Info("the disk has space again: readings and registrations are taken", "folder", s.folder)
	}
	return lacking > 0
}

// full is the gate of a full disk. It looks at the disk only while that was found full.
func (s *space) full() bool { return s.lacking.Load() > 0 && s.look() }

// look looks whether there is room for what was last refused.
func (s *space) look() bool { return s.refuses(max(s.lacking.Load(), 1) - 1) }
