package node_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"meterledger/internal/meter"
)

// imports hands over accounts A0 to An, and returns what came of them.
func (b *bench) imports(accounts int) meter.Tally {
	b.t.Helper()
	list, err := b.ImportAccounts(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	for n := range accounts {
		if err := list.Add(n+1, meter.Account{ID: meter.ID(fmt.Sprint("A", n)), OwnerName: strings.Repeat("x", 200), Address: "Road"}); err != nil {
			b.t.Fatal(err)
		}
	}
	tally, err := list.Flush()
	if err != nil {
		b.t.Fatal(err)
	}
	return tally
}

func TestAListOfAccountsEndsWhereMemoryIsFull(t *testing.T) {
	const limit, accounts = 4 << 20, 20_000
	b := limitedBench(t, 1, limit)
	defer func() { b.close() }()
	tally := b.imports(accounts)
	if tally.Accepted == 0 || tally.Retry == 0 || tally.Accepted+tally.Retry != accounts || meter.CodeOf(tally.Refusals[0].Err) != meter.CodeMemoryFull {
		t.Errorf("%d accounts were registered, and %d are to be sent again", tally.Accepted, tally.Retry)
	}
	if held := b.Store().HeldBytes(); held > limit {
		t.Errorf("they take %d bytes of %d", held, limit)
	}
}

func TestNoAccountOfAListIsTakenByAClockThatLiesBehind(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	defer func() { b.close() }()
	b.imports(1)
	b.now = now.Add(-time.Hour)
	tally := b.imports(3)
	if tally.Duplicates != 1 || tally.Retry != 2 || meter.ReasonOf(tally.Refusals[0].Err) != meter.ReasonClockBehind {
		t.Errorf("by a clock that lies behind: %+v", tally)
	}
	b.now = now
	if tally := b.imports(3); tally.Duplicates != 1 || tally.Accepted != 2 {
		t.Errorf("by a clock that is right again: %+v", tally)
	}
}
