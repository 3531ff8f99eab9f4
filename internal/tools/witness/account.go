package witness

import (
	"fmt"

	"meterledger/internal/meter"
)

// accountStamp stands where a violation of a reading names its time.
const accountStamp = "account"

// Account is the registration of a meter.
type Account struct {
	Meter                    meter.ID
	Owner, Address, Recorded string // Recorded is when the api says it was registered
}

func (a Account) String() string {
	return fmt.Sprintf("%q of %q, registered at %q", a.Owner, a.Address, a.Recorded)
}

// registration is what is known of an account.
type registration struct {
	account    Account // Recorded is "" until it was seen
	told       bool
	unanswered int
}

// SendAccount notes that an account is about to be registered.
func (l *Log) SendAccount(a Account) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.accounts[a.Meter]
	if r == nil {
		r = &registration{account: a}
		l.accounts[a.Meter] = r
	}
	r.unanswered++
}

// AcknowledgeAccount notes that an account was registered, or was before.
func (l *Log) AcknowledgeAccount(id meter.ID) { l.answerAccount(id, true) }

// RefuseAccount notes that an account was not registered.
func (l *Log) RefuseAccount(id meter.ID) { l.answerAccount(id, false) }

func (l *Log) answerAccount(id meter.ID, taken bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.accounts[id]
	r.unanswered--
	r.told = r.told || taken
}

// ToldAccount reports whether an account was acknowledged or seen.
func (l *Log) ToldAccount(id meter.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.accounts[id]
	return r != nil && r.told
}

// CompareAccount holds the account that was found of a meter, nil where there is
// none, against the log, and settles an unanswered one as Compare does.
func (l *Log) CompareAccount(id meter.ID, found *Account) []Violation {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.accounts[id]
	known := r != nil && (r.told || r.unanswered > 0)
	switch {
	case found == nil && r != nil && r.told:
		return []Violation{{Lost, id, accountStamp, r.account.String(), ""}}
	case found == nil && r != nil:
		r.unanswered = 0
		return nil
	case found == nil:
		return nil
	case !known:
		return []Violation{{Invented, id, accountStamp, "", found.String()}}
	}
	want := r.account
	if want.Recorded == "" {
		want.Recorded = found.Recorded // the first to say so is believed
	}
	if want != *found {
		return []Violation{{Altered, id, accountStamp, want.String(), found.String()}}
	}
	*r = registration{account: want, told: true}
	return nil
}
