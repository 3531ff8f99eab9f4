package ledger

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"

	"meterledger/internal/meter"
)

// imported imports accounts, and returns the first refusal.
func imported(accounts ...meter.Account) func(*Ledger) error {
	return func(l *Ledger) error {
		list, err := l.ImportAccounts(context.Background())
		if err != nil {
			return err
		}
		for n, account := range accounts {
			if err := list.Add(n+1, account); err != nil {
				return err
			}
		}
		return firstRefusal(list.Flush())
	}
}

func firstRefusal(tally meter.Tally, err error) error {
	if err == nil && tally.Refused > 0 {
		err = tally.Refusals[0].Err
	}
	return err
}

// restored puts events of A back, and returns the first refusal.
func restored(events ...meter.Event) func(*Ledger) error {
	return func(l *Ledger) error {
		list := l.RestoreEvents(context.Background())
		for n, e := range events {
			if err := list.Add(n+1, e); err != nil {
				return err
			}
		}
		return firstRefusal(list.Flush())
	}
}

func setA(l meter.Limits) func(*Ledger) error {
	return func(ledger *Ledger) error { return ledger.SetLimits(context.Background(), "A", l, "") }
}

func TestAListIsNotRefusedByAStateThatLiesBehind(t *testing.T) {
	tan := meter.Account{ID: "A", OwnerName: "Tan", Address: "Road"}
	lim := meter.Account{ID: "A", OwnerName: "Lim", Address: "Road"}
	moved := func(l *Ledger) error { return l.SetOwner(context.Background(), "A", "Lim", "", "") }
	first := meter.EventOfLimits("A", meter.Limits{RollsOverAt: kWh(1000)})
	second := meter.EventOfLimits("B", meter.Limits{RollsOverAt: kWh(1000)})
	testSure(t, map[string]unsureAnswer{
		"accounts after reception was resumed": {before: shutDown, elsewhere: resume, ask: imported(tan), refused: meter.CodeNotReceiving},
		"an account that has another owner":    {before: registerA, elsewhere: moved, ask: imported(lim), refused: meter.CodeMeterExists},
		"events of new meters": {
			elsewhere: all(registerA, func(l *Ledger) error { return l.Register(context.Background(), "B", "Tan", "Road") }),
			ask:       restored(first, second), refused: meter.CodeMeterNotFound,
		},
		"limits in the place of others": {
			before: all(registerA, setA(meter.Limits{RollsOverAt: kWh(100)})), elsewhere: setA(meter.Limits{}),
			ask: restored(first), refused: meter.CodeExchangeConflict,
		},
	})
}

// TestOneBarrierServesHundredsOfAccounts imports a list all of whose meters have another owner.
func TestOneBarrierServesHundredsOfAccounts(t *testing.T) {
	l, o := openFar(t)
	var mine, others []meter.Account
	for n := range 2*accountsTogether + 1 {
		account := meter.Account{ID: meter.ID(fmt.Sprintf("meter %d", n)), OwnerName: "Tan", Address: "Road"}
		mine = append(mine, account)
		account.OwnerName = "Lim"
		others = append(others, account)
	}
	if err := imported(mine...)(l); err != nil || o.asked > 0 {
		t.Fatalf("%d barriers: %v", o.asked, err)
	}
	if err := imported(others...)(l); meter.CodeOf(err) != meter.CodeMeterExists || o.asked != 3 {
		t.Errorf("%d barriers: %v", o.asked, err)
	}
}

func TestACredentialOfAnotherNodeIsFoundBehindABarrier(t *testing.T) {
	sum := sha256.Sum256([]byte("secret"))
	find := func(l *Ledger) (found, isKnown bool) {
		c, isKnown := l.Credential(context.Background(), sum)
		return c != nil, isKnown
	}
	l, o := openFar(t)
	if found, isKnown := find(l); found || !isKnown || o.asked != 1 {
		t.Errorf("after %d barriers it is found: %v, known: %v", o.asked, found, isKnown)
	}
	o.isCutOff = true
	if found, isKnown := find(l); found || isKnown || o.asked != 2 {
		t.Errorf("cut off, after %d barriers it is found: %v, known: %v", o.asked, found, isKnown)
	}
	o.isCutOff, o.elsewhere = false, func() error {
		return l.Issue(context.Background(), meter.Credential{ID: meter.NewCredentialID(), Role: meter.RoleOperator, SHA256: sum, Scope: meter.Scope{IsAll: true}})
	}
	if found, isKnown := find(l); !found || !isKnown || o.asked != 3 {
		t.Errorf("issued elsewhere, after %d barriers it is found: %v, known: %v", o.asked, found, isKnown)
	}
	o.isCutOff = true
	if found, isKnown := find(l); !found || !isKnown || o.asked != 3 {
		t.Errorf("once it is here, after %d barriers it is found: %v, known: %v", o.asked, found, isKnown)
	}
}

// TestAnOperatorOfAnotherNodeIsOne: a node that begins empty must not make one of its own.
func TestAnOperatorOfAnotherNodeIsOne(t *testing.T) {
	tokens := Tokens{
		New: func(meter.Role) (string, [32]byte) { return "token", sha256.Sum256([]byte("token")) },
		Sum: func(string) (sum [32]byte, ok bool) { return sum, false },
	}
	l, o := openFar(t)
	o.isCutOff = true
	if file, err := l.FirstOperator(t.Context(), tokens); file != "" || meter.ReasonOf(err) != meter.ReasonNoQuorum {
		t.Errorf("cut off, its token is in %q: %v", file, err)
	}
	o.isCutOff, o.elsewhere = false, func() error {
		return l.Issue(context.Background(), meter.Credential{ID: meter.NewCredentialID(), Role: meter.RoleOperator, SHA256: sha256.Sum256([]byte("secret")), Scope: meter.Scope{IsAll: true}})
	}
	if file, err := l.FirstOperator(t.Context(), tokens); file != "" || err != nil {
		t.Errorf("beside another operator, its token is in %q: %v", file, err)
	}
	l, _ = openFar(t)
	if file, err := l.FirstOperator(t.Context(), tokens); file == "" || err != nil {
		t.Errorf("without another operator, its token is in %q: %v", file, err)
	}
}
