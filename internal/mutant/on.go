//go:build mutants

package mutant

import "os"

// The faults, one of which the environment chooses.
var (
	AnsweredBeforeFsync  = chosen("answered-before-fsync")
	CorrectionUndone     = chosen("correction-undone")
	DecreaseAccepted     = chosen("decrease-accepted")
	ExchangeNotClosed    = chosen("exchange-not-closed")
	ExpiryIgnored        = chosen("expiry-ignored")
	LateReadingForgotten = chosen("late-reading-forgotten")
	ReplacedUnannounced  = chosen("replaced-unannounced")
	RoleLoosened         = chosen("role-loosened")
	SnapshotNotReadBack  = chosen("snapshot-not-read-back")
)

func chosen(name string) bool { return os.Getenv("MUTANT") == name }
