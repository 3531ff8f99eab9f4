// Package journal is the durable log of what the system has accepted: batches
// in the order they were committed, each of them on disk before Append returns.
//
// The log proper is Pebble's: the key is a batch's sequence, the value the
// batch. Pebble frames, checksums, mends the torn tail that a power cut leaves
// and cuts old files; this package adds what a log must prove about itself. Each
// batch carries its sequence, a checksum, and the hash of the batch before it,
// so a batch that was lost, doubled, moved or altered is found when the log is
// read, and reading it stops with an error that names the place.
//
// What a batch holds is the caller's business: the journal sees bytes.
package journal
