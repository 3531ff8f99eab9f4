package closing

// countRefused returns of how many meters refused readings are kept.
func (rs *Runs) countRefused() int { return 0 }

// addRefused adds what was refused, as it is now.
func (l *exceptionList) addRefused(*Runs, ExceptionsQuery) error { return nil }
