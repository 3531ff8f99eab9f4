//go:build !mutants

package mutant

// The faults, none of which is in a normal build.
const (
	AnsweredBeforeFsync  = false // a batch is acknowledged that is not fsynced
	CorrectionUndone     = false // a meter that sends a corrected value again is not known by it
	DecreaseAccepted     = false // a register below an earlier one is taken
	ExchangeNotClosed    = false // an exchange of a closed month does not have it archived again
	ExpiryIgnored        = false // a credential counts after its end
	LateReadingForgotten = false // a late reading does not have its month archived again
	ReplacedUnannounced  = false // an archive takes the place of the old one without an intent
	RoleLoosened         = false // whoever has a credential may do everything
	SnapshotNotReadBack  = false // a snapshot is believed as it was written
)
