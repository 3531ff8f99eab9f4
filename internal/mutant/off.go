//go:build !mutants

package mutant

// The faults, none of which is in a normal build.
const (
	AbsenceCompared       = false // a batch is added where none is, and not behind the newest
	AnsweredBeforeApplied = false // callers are answered before their entries are judged
	AnsweredBeforeFsync   = false // a batch is acknowledged that is not fsynced
	BarrierSharedLate     = false // a barrier also serves those who come after its question was sent
	CorrectionUndone      = false // a meter that sends a corrected value again is not known by it
	CutWithOneCopy        = false // the order is cut though one node alone has it
	DecreaseAccepted      = false // a register below an earlier one is taken
	ExchangeNotClosed     = false // an exchange of a closed month does not have it archived again
	ExpiryIgnored         = false // a credential counts after its end
	FenceDropped          = false // a batch is added whatever its term
	FolderUntidied        = false // a term's first run leaves what others have half written
	HoldOutlivesTerm      = false // the hold of a term stands in the next one
	HoldWithoutID         = false // an entry of a run has its effect under the hold of any
	LateReadingForgotten  = false // a late reading does not have its month archived again
	MissingBelieved       = false // what was proposed and did not come is taken for lost before the next term begins
	OtherTermTaken        = false // a leader takes what was proposed in another term
	OursOverlooked        = false // a batch that an earlier try had added is not known again
	OwnerUnchecked        = false // a household is answered about any meter
	ReplacedUnannounced   = false // an archive takes the place of the old one without an intent
	RoleLoosened          = false // whoever has a credential may do everything
	RunSentAgain          = false // what a run writes is proposed again in the next term
	SnapshotNotReadBack   = false // a snapshot is believed as it was written
	TidiedByStaleList     = false // a folder is tidied by the names that a network file system knew before
)
