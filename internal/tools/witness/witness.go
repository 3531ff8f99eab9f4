// Package witness is what the callers of an api remember of their own accord: what
// they sent, and what they were told. It is compared with what the api says later.
//
// A reading that was acknowledged must be there, to the digit. One that was sent
// and not answered may be there or not, but whole. Nothing else may be there. Once
// a comparison has found an unanswered reading it must stay, and once it has
// missed one that may not come by itself any more.
package witness

import (
	"sync"

	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
)

// Reading is a reading as it is written in a CSV row.
type Reading struct {
	Meter    meter.ID
	Stamp    string // local time, YYYY-MM-DDTHH:MM:SS: the order of texts is that of time
	Register string
}

// Log is what was sent and told. Its methods may be called from several goroutines.
type Log struct {
	mu       sync.Mutex // guards all below
	readings map[meter.ID]map[string]*claim
	accounts map[meter.ID]*registration
}

// claim is what is known of one meter's reading of one half hour. A meter sends one
// register for it, however often.
type claim struct {
	register   string
	told       bool // it was acknowledged, or seen
	unanswered int  // how often it was sent without an answer
}

// New returns an empty log.
func New() *Log {
	return &Log{readings: make(map[meter.ID]map[string]*claim), accounts: make(map[meter.ID]*registration)}
}

// Send notes that a reading is about to be sent.
func (l *Log) Send(r Reading) {
	l.mu.Lock()
	defer l.mu.Unlock()
	meters := l.readings[r.Meter]
	if meters == nil {
		meters = make(map[string]*claim)
		l.readings[r.Meter] = meters
	}
	c := meters[r.Stamp]
	if c == nil {
		c = &claim{register: r.Register}
		meters[r.Stamp] = c
	}
	if c.register != r.Register {
		panic("BUG: two registers were sent for " + string(r.Meter) + " at " + r.Stamp)
	}
	c.unanswered++
}

// Acknowledge notes that a reading that was sent was answered with success.
func (l *Log) Acknowledge(r Reading) { l.answer(r, true) }

// Refuse notes that a reading that was sent was answered with an error that says it
// was not taken.
func (l *Log) Refuse(r Reading) { l.answer(r, false) }

func (l *Log) answer(r Reading, taken bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.readings[r.Meter][r.Stamp]
	c.unanswered--
	c.told = c.told || taken
}

// Told reports whether a reading was acknowledged or seen.
func (l *Log) Told(r Reading) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.readings[r.Meter][r.Stamp]
	return c != nil && c.told
}

// Counts says how much a log holds.
type Counts struct {
	Told       int // readings that were acknowledged, or seen
	Unanswered int // readings that were sent, and nobody knows
	Accounts   int // that were acknowledged, or seen
}

// Counts returns how much the log holds.
func (l *Log) Counts() (n Counts) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, claims := range l.readings {
		for _, c := range claims {
			switch {
			case c.told:
				n.Told++
			case c.unanswered > 0:
				n.Unanswered++
			}
		}
	}
	for _, r := range l.accounts {
		if r.told {
			n.Accounts++
		}
	}
	return n
}

// sameNumber compares two registers as numbers; zeros at the end may go.
func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := decimal.NewFromString(a)
	y, errY := decimal.NewFromString(b)
	return errX == nil && errY == nil && x.Equal(y)
}
