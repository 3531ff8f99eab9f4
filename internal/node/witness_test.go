package node_test

import (
	"errors"
	"slices"
	"sync"

	"meterledger/internal/closing"
	"meterledger/internal/meter"
)

// witness writes down what a ledger is asked to take and what it answers, so that
// it can say for any moment what must be there after a crash and what may be.
type witness struct {
	mu      sync.Mutex // guards all below
	sent    []fact     // only ever appended to
	answers []answer   // only ever appended to
}

// fact is something that a ledger is asked to take: one of the fields is set.
type fact struct {
	account   meter.ID
	reading   meter.Reading
	reception *bool
	run       *closing.Request
	exchange  *exchange
	corrected *correctedReading
}

// answer is what came of a fact. A fact that failed has none: nobody knows.
type answer struct {
	fact     int // in the order they were sent
	taken    bool
	archives []closing.ArchiveInfo // that a run wrote
}

// moment is how much had been sent and answered.
type moment struct{ sent, answers int }

// send writes down what is about to be asked, and returns the place of the first.
func (w *witness) send(facts ...fact) (first int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, facts...)
	return len(w.sent) - len(facts)
}

// answered writes an answer down. It returns the error where there was none.
func (w *witness) answered(i int, err error, archives ...closing.ArchiveInfo) error {
	var refused *meter.Error
	if err != nil && !errors.As(err, &refused) {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers = append(w.answers, answer{i, err == nil, slices.Clone(archives)})
	return nil
}

// moment returns the moment at which something is done to the disk: what was
// answered before, and what was sent until it was done.
func (w *witness) moment(done func()) moment {
	w.mu.Lock()
	m := moment{answers: len(w.answers)}
	w.mu.Unlock()
	done()
	w.mu.Lock()
	defer w.mu.Unlock()
	m.sent = len(w.sent)
	return m
}

// at returns what a ledger must hold that was cut off at a moment.
func (w *witness) at(m moment) *expectation {
	w.mu.Lock()
	sent, answers := w.sent[:m.sent], w.answers[:m.answers]
	w.mu.Unlock()
	known := make([]*answer, len(sent))
	for i := range answers {
		known[answers[i].fact] = &answers[i]
	}
	e := &expectation{
		accounts:  make(map[meter.ID]certainty),
		readings:  make(map[meter.ID]map[meter.Slot]expectedReading),
		reception: []bool{true},
		archives:  make(map[meter.Period]closing.ArchiveInfo),
		exchanges: make(map[exchange][]bool),
	}
	for i, f := range sent {
		switch {
		case known[i] == nil:
			e.add(f, possible, nil)
		case known[i].taken:
			e.add(f, certain, known[i].archives)
		}
	}
	return e
}
