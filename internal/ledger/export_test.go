package ledger

// Hash is the hash of all that the ledger knows.
func (l *Ledger) Hash() [32]byte { return l.store.Hash() }
