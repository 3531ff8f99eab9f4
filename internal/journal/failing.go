package journal

import (
	"log/slog"
	"sync"
)

// failing is how a journal ends before its time: once something cannot be written,
// nothing more is.
type failing struct {
	log  *slog.Logger
	once sync.Once
	done chan struct{} // closed once err is set
	err  error
}

func newFailing(log *slog.Logger) *failing { return &failing{log: log, done: make(chan struct{})} }

// tell makes the first error final.
func (f *failing) tell(err error) {
	f.once.Do(func() {
		f.log.Error("the journal cannot go on", "error", err)
		f.err = err
		close(f.done)
	})
}

// end tells an error and never returns: whoever cannot go on holds locks and half of
// a change. The goroutines that end like this are few, and the program ends as soon
// as it hears of it.
func (f *failing) end(err error) {
	f.tell(err)
	select {}
}

// failure returns why nothing is written any more, or nil as long as it is.
func (f *failing) failure() error {
	select {
	case <-f.done:
		return f.err
	default:
		return nil
	}
}

// guard does what asks something of Pebble, and comes back also where Pebble cannot.
func (f *failing) guard(ask func() error) error {
	answer := make(chan error, 1)
	go func() { answer <- ask() }()
	select {
	case err := <-answer:
		return err
	case <-f.done:
		return f.err
	}
}
