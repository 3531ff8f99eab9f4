// Package store is the state of the system in memory: accounts, the compact
// grid of live readings, and what is kept of closed months. It is nothing but
// the journal applied in order.
//
// One function changes it, Apply. Whether an entry is accepted, a duplicate or a
// conflict is decided there, from the state and the entry alone: no clock, no
// map order, no chance. A replay of the same journal comes to the same state and
// the same verdicts.
//
// Apply may be called by one goroutine at a time; everything else may be called
// by any number of them.
package store
