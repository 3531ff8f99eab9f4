//go:build mutants

package mutant

import "os"

// The faults, one of which the environment chooses.
var (
	AbsenceCompared       = chosen("absence-compared")
	AnsweredBeforeApplied = chosen("answered-before-applied")
	AnsweredBeforeFsync   = chosen("answered-before-fsync")
	BarrierSharedLate     = chosen("barrier-shared-late")
	CorrectionUndone      = chosen("correction-undone")
	CutWithOneCopy        = chosen("cut-with-one-copy")
	DecreaseAccepted      = chosen("decrease-accepted")
	ExchangeNotClosed     = chosen("exchange-not-closed")
	ExpiryIgnored         = chosen("expiry-ignored")
	FenceDropped          = chosen("fence-dropped")
	FolderUntidied        = chosen("folder-untidied")
	HoldOutlivesTerm      = chosen("hold-outlives-term")
	HoldWithoutID         = chosen("hold-without-id")
	LateReadingForgotten  = chosen("late-reading-forgotten")
	MissingBelieved       = chosen("missing-believed")
	OtherTermTaken        = chosen("other-term-taken")
	OursOverlooked        = chosen("ours-overlooked")
	OwnerUnchecked        = chosen("owner-unchecked")
	ReplacedUnannounced   = chosen("replaced-unannounced")
	RoleLoosened          = chosen("role-loosened")
	RunSentAgain          = chosen("run-sent-again")
	SnapshotNotReadBack   = chosen("snapshot-not-read-back")
	TidiedByStaleList     = chosen("tidied-by-stale-list")
)

func chosen(name string) bool { return os.Getenv("MUTANT") == name }
