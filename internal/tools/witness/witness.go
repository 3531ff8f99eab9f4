// Package witness remembers what the callers of an api have sent and were told, and compares it with what the
// api says later.
//
// A reading that was acknowledged must be there, to the digit. One that was sent and not answered may be
// there or not, but whole. Nothing else may be there. An unanswered reading that a comparison has found must
// stay, and one that it has missed must not come by itself any more.
package witness

import (
	"fmt"
	"maps"
	"slices"
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

// Account is the registration of a meter, as the api tells it.
type Account struct {
	Meter    meter.ID `json:"meter_id"`
	Owner    string   `json:"owner_name"`
	Address  string   `json:"address"`
	Recorded string   `json:"registered_at"` // by the api
}

// accountStamp stands for the time in the claim of an account. It sorts after every time.
const accountStamp = "account"

// Claim is the account as what is sent and answered: its text stands for a register.
func (a Account) Claim() Reading {
	return Reading{a.Meter, accountStamp, fmt.Sprintf("%q of %q", a.Owner, a.Address)}
}

func (a Account) String() string {
	return fmt.Sprintf("%s, registered at %q", a.Claim().Register, a.Recorded)
}

// Log is what was sent and told. Its methods may be called from several goroutines.
type Log struct {
	mu       sync.Mutex                     // guards all below
	claims   map[meter.ID]map[string]*claim // by stamp
	recorded map[meter.ID]string            // when accounts were registered, of those that were seen
}

// exchangeStamp stands for the time in the claim of an exchange, of which a meter has at most one.
const exchangeStamp = "exchange"

// Exchanges is where they are found in a log.
var Exchanges = Span{exchangeStamp, exchangeStamp}

// Exchange is the claim of one: its text stands for a register.
func Exchange(id meter.ID, at string, old, first meter.Register) Reading {
	return Reading{id, exchangeStamp, fmt.Sprintf("at %s from %s to %s", at, old, first)}
}

// claim is what is known of a reading, an account or an exchange that was sent, once or often with the
// same register.
type claim struct {
	sent       string
	register   string // that must be there: the one that was sent, or the one it was corrected to
	corrected  string // the one it may have been corrected to; empty if nobody has tried
	told       bool   // it was acknowledged, or seen
	unanswered int    // how often it was sent without an answer
}

// New returns an empty log.
func New() *Log {
	return &Log{claims: make(map[meter.ID]map[string]*claim), recorded: make(map[meter.ID]string)}
}

// Send notes that a reading, or the claim of an account, is about to be sent.
func (l *Log) Send(r Reading) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.claims[r.Meter] == nil {
		l.claims[r.Meter] = make(map[string]*claim)
	}
	c := l.claims[r.Meter][r.Stamp]
	if c == nil {
		c = &claim{sent: r.Register, register: r.Register}
		l.claims[r.Meter][r.Stamp] = c
	}
	if c.sent != r.Register {
		panic("BUG: two registers were sent for " + string(r.Meter) + " at " + r.Stamp)
	}
	c.unanswered++
}

// Acknowledge notes that a reading that was sent was answered with success.
func (l *Log) Acknowledge(r Reading) { l.answer(r, true) }

// Refuse notes that a reading that was sent was answered with an error that says it was not taken.
func (l *Log) Refuse(r Reading) { l.answer(r, false) }

func (l *Log) answer(r Reading, taken bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.claims[r.Meter][r.Stamp]
	c.unanswered--
	c.told = c.told || taken
}

// Correct notes that a reading that was told is about to be corrected, and returns what notes the answer. It
// returns nil if somebody has corrected it.
func (l *Log) Correct(r Reading, register string) (answer func(taken bool)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.claims[r.Meter][r.Stamp]
	if c == nil || !c.told || c.register != c.sent || c.corrected != "" {
		return nil
	}
	c.corrected = register
	return func(taken bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if taken {
			c.register = register
		}
		c.corrected = ""
	}
}

// Told reports whether a reading, or the claim of an account or an exchange, was acknowledged or seen, and
// nobody has tried to correct it.
func (l *Log) Told(r Reading) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.claims[r.Meter][r.Stamp]
	return c != nil && c.told && c.register == r.Register && c.corrected == ""
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
	for _, claims := range l.claims {
		for stamp, c := range claims {
			switch {
			case stamp == accountStamp && c.told:
				n.Accounts++
			case stamp == accountStamp, stamp == exchangeStamp:
			case c.told:
				n.Told++
			case c.unanswered > 0:
				n.Unanswered++
			}
		}
	}
	return n
}

// Span is a span of time, both ends included.
type Span struct{ From, To string }

// Always is all of the time.
var Always = Span{"", "9999"}

func (s Span) contains(stamp string) bool { return s.From <= stamp && stamp <= s.To }

// Compare holds all the readings that were found of a meter in a span against the log. Nothing may be
// under way meanwhile: what was sent without an answer is settled by what is found.
func (l *Log) Compare(id meter.ID, span Span, found []Reading) []Violation {
	return l.compare(id, span, found, true)
}

// Check is Compare without settling: for an archive, which need not hold unanswered readings.
func (l *Log) Check(id meter.ID, span Span, found []Reading) []Violation {
	return l.compare(id, span, found, false)
}

func (l *Log) compare(id meter.ID, span Span, found []Reading, settle bool) (wrong []Violation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	claims := l.claims[id]
	seen := make(map[string]bool, len(found))
	for _, r := range found {
		c := claims[r.Stamp]
		if c != nil && settle {
			c.settle(r.Register)
		}
		switch {
		case seen[r.Stamp]:
			wrong = append(wrong, Violation{Doubled, id, r.Stamp, "", r.Register})
		case c == nil || !c.told && c.unanswered == 0 || !span.contains(r.Stamp):
			wrong = append(wrong, Violation{Invented, id, r.Stamp, "", r.Register})
		case !sameNumber(c.register, r.Register):
			wrong = append(wrong, Violation{Altered, id, r.Stamp, c.register, r.Register})
		}
		seen[r.Stamp] = true
	}
	for _, stamp := range slices.Sorted(maps.Keys(claims)) {
		c := claims[stamp]
		if !span.contains(stamp) {
			continue
		}
		if c.told && !seen[stamp] {
			wrong = append(wrong, Violation{Lost, id, stamp, c.register, ""})
		}
		if settle {
			c.told, c.unanswered = c.told || seen[stamp], 0
		}
	}
	return wrong
}

// settle decides by what is found whether a correction was taken that nobody answered.
func (c *claim) settle(found string) {
	if c.corrected != "" && sameNumber(c.corrected, found) {
		c.register = c.corrected
	}
	c.corrected = ""
}

// CompareAccount is Compare for an account, nil if there is none. The first registration time is believed.
func (l *Log) CompareAccount(id meter.ID, found *Account) []Violation {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, recorded := l.claims[id][accountStamp], l.recorded[id]
	if c == nil {
		c = &claim{}
	}
	switch {
	case found == nil && c.told:
		return []Violation{{Lost, id, accountStamp, c.register, ""}}
	case found == nil:
		c.unanswered = 0
		return nil
	case !c.told && c.unanswered == 0:
		return []Violation{{Invented, id, accountStamp, "", found.String()}}
	case found.Claim().Register != c.register, recorded != "" && found.Recorded != recorded:
		return []Violation{{Altered, id, accountStamp, fmt.Sprintf("%s, registered at %q", c.register, recorded), found.String()}}
	}
	c.told, c.unanswered = true, 0
	l.recorded[id] = found.Recorded
	return nil
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
