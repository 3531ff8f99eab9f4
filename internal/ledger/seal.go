package ledger

import (
	"sync/atomic"

	"meterledger/internal/store"
)

// seal is the state of a ledger that was started on a full disk: it answers questions and
// writes nothing. The first commit that comes once there is room ends it; among several nodes, the first
// batch of their order.
type seal struct {
	closed atomic.Bool
	bytes  uint64      // of room that ends it
	begin  func() bool // makes the journal take batches, once there is room
}

// begin opens the journal for writing if the disk has room for that, or else seals the ledger.
func (l *Ledger) begin() error {
	bytes, err := l.journal.BeginningBytes()
	if err != nil {
		return err
	}
	usage, err := l.space.fs.GetDiskUsage(l.space.folder)
	if err != nil || usage.AvailBytes >= bytes || l.journal.Last() == 0 {
		return l.journal.BeginWriting()
	}
	l.log.Error("the disk is full: the ledger answers questions and takes nothing in until there is space",
		"folder", l.space.folder, "free_bytes", usage.AvailBytes, "free_bytes_needed", bytes)
	l.seal.bytes = bytes
	l.seal.closed.Store(true)
	l.space.refuses(bytes)
	return nil
}

// beginLate begins to write, and reports whether that could be done. It is called by whoever writes the journal.
func (l *Ledger) beginLate(o Options, signed format) bool {
	usage, err := l.space.fs.GetDiskUsage(l.space.folder)
	if err != nil || usage.AvailBytes < l.seal.bytes {
		return false
	}
	if err := l.journal.BeginWriting(); err != nil {
		return false // and it has failed for good
	}
	if err := l.sign(o, signed); err != nil {
		l.log.Error("the data folder cannot be signed; the next commit tries again", "error", err)
		return false
	}
	if l.shared != nil {
		l.seal.closed.Store(false)
	}
	return true
}

// unseal does what a start does on a disk with room, if that was not done. It is called by the sender of batches, and
// reports whether the ledger writes now. Among several nodes the journal is a copy, and begins by itself.
func (l *Ledger) unseal(to order) bool {
	if l.shared != nil {
		return !l.seal.closed.Load()
	}
	if !l.seal.begin() {
		return false
	}
	if !l.sendFirst(to) {
		return false
	}
	l.seal.closed.Store(false)
	return true
}

// sendFirst writes what a node alone begins with, and lifts the hold of a run that was cut off before the start.
func (l *Ledger) sendFirst(to order) bool {
	first := l.firstEntries()
	if hold, stands := l.store.Hold(); stands {
		first.payload = store.AppendFree(first.payload, hold.ID)
		first.entries++
	}
	return first.entries == 0 || to.send(first) == nil
}
