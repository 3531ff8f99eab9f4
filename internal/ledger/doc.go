// Package ledger is the one writer of the system, and what everything else asks.
//
// A reading goes the same way whoever sends it: it is checked, queued at one
// committer, written to the journal together with whatever else has gathered
// there, fsynced once, applied to the store, and only then answered. So a caller
// who was told yes can be told nothing else later, and one fsync serves
// thousands of readings.
//
// The ledger also runs what joins memory and archive: daily and monthly
// archiving, restoring, and queries over both.
package ledger
