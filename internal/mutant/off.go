//go:build !mutants

package mutant

// The faults, none of which is in a normal build.
const (
	AnsweredBeforeFsync  = false // a batch is acknowledged that is not fsynced
	DecreaseAccepted     = false // a register below an earlier one is taken
	LateReadingForgotten = false // a late reading does not have its month archived again
	ReplacedUnannounced  = false // an archive takes the place of the old one without an intent
	SnapshotNotReadBack  = false // a snapshot is believed as it was written
)
