// Package ledger is the one writer of the system.
//
// A reading goes the same way whoever sends it: it is checked, queued at one
// committer, written to the journal together with whatever else has gathered
// there, fsynced once, applied to the store, and only then answered. So a caller
// who was told yes can be told nothing else later, and one fsync serves
// thousands of readings.
//
// What reads the state and what archives it are rooms of their own, query and closing.
package ledger
