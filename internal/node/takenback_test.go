package node_test

import (
	"slices"
	"testing"
	"time"

	"meterledger/internal/meter"
)

// The limits of a dial come back behind where it rolled over: it has never shown that register.
func TestADialThatRolledOverRollsOverAtTheSameAfterARestore(t *testing.T) {
	b := newCrashableBench(t)
	defer func() { b.close() }()
	b.register("A")
	b.limits("A", "100", "60")
	b.recordRows([]string{"A 2026-10-03T00:00 99", "A 2026-10-03T00:30 1"})
	b.limits("A", "0", "60")
	b.limits("A", "100", "60")
	b.closes(october.Month)
	b.loses()
	if restored := b.restores(); restored.Refused != 0 {
		t.Errorf("restored %+v", restored)
	}
	m, _ := b.Store().Lookup("A")
	if _, limits := b.Store().Life(m.Index); limits.RollsOverAt != kwh(t, "100") {
		t.Errorf("the dial rolls over at %v", limits.RollsOverAt)
	}
	b.recordRows([]string{"A 2026-11-01T00:00 98", "A 2026-11-01T00:30 0.5"})
}

// A register that was corrected, and then corrected to what it was, stands.
func TestAReadingThatWasCorrectedBackComesBack(t *testing.T) {
	b := newCrashableBench(t)
	defer func() { b.close() }()
	b.register("A")
	b.recordRows([]string{"A 2026-10-03T00:00 1", "A 2026-10-03T00:30 2", "A 2026-10-03T01:00 3", "A 2026-11-01T00:00 10", "A 2026-11-01T00:30 12", "A 2026-11-01T01:00 13"})
	b.corrects("A", "a typing error", "2026-10-03T00:30 2 2.5", "2026-11-01T00:30 12 11")
	b.now = b.now.Add(time.Minute)
	b.corrects("A", "none", "2026-10-03T00:30 2.5 2", "2026-11-01T00:30 11 12")
	b.mustMaintain(daily(1))
	b.closes(october.Month)
	want := b.points("A")
	b.loses()
	if restored := b.restores(); restored.Refused != 0 {
		t.Errorf("restored %+v", restored)
	}
	if got := b.points("A"); !slices.Equal(got, want) {
		t.Errorf("restored were\n%v, want\n%v", got, want)
	}
}

// A file that was written while an exchange stood has a register that no meter sent.
func TestARestoreBringsBackNoRegisterOfAnExchangeThatWasTakenBack(t *testing.T) {
	b := newCrashableBench(t)
	defer func() { b.close() }()
	b.register("A", "B")
	b.recordRows([]string{"A 2026-10-03T00:00 1", "B 2026-11-02T00:00 1"})
	want := b.points("A", "B")
	b.exchanges("A", "2026-10-03T00:30:00", "2", "0")
	b.exchanges("B", "2026-11-02T00:30:00", "2", "0")
	b.mustMaintain(daily(2))
	b.closes(october.Month)
	for id, at := range map[meter.ID]string{"A": "2026-10-03T00:30:00", "B": "2026-11-02T00:30:00"} {
		if err := b.TakeBack(t.Context(), id, b.instant(at), ""); err != nil {
			t.Fatal(err)
		}
	}
	if restored := b.restores(); restored.Readings != 0 || restored.Refused != 0 {
		t.Errorf("restored %+v", restored)
	}
	if got := b.points("A", "B"); !slices.Equal(got, want) {
		t.Errorf("there are\n%v, want\n%v", got, want)
	}
	b.recordRows([]string{"A 2026-10-03T00:30 1.75", "B 2026-11-02T00:30 1.75"})
}

// A month that is closed again has its bill issued by that closing, not by the one of a month before.
func TestNoBillIsIssuedWithARegisterThatWasWithdrawn(t *testing.T) {
	b := newCrashableBench(t)
	defer func() { b.close() }()
	b.register("A")
	b.recordRows([]string{"A 2026-08-31T22:30 17", "A 2026-09-01T00:30 22", "A 2026-09-30T23:00 24"})
	b.closes(monthOf(8))
	b.closes(monthOf(9))
	b.corrects("A", "never sent", "2026-09-30T23:00 24")
	b.recordRows([]string{"A 2026-09-30T22:30 66.5", "A 2026-08-31T23:00 18"})
	b.exchanges("A", "2026-09-01T00:45:00", "22.5", "66")
	b.closes(monthOf(8))
	b.wantBills("A", map[time.Month]string{
		8: "17 2026-08-31T22:30:00 to 18 2026-08-31T23:00:00 is 1, 2 readings, revision 2",
		9: "18 2026-08-31T23:00:00 to 66.5 2026-09-30T22:30:00 is 5, 2 readings, revision 2",
	})
	bill, err := b.Bill("A", monthOf(9))
	if err != nil || bill.Previous == nil || bill.Previous.End.Register != kwh(t, "24") || bill.Previous.Start.Register != kwh(t, "17") {
		t.Errorf("it said %+v before, %v", bill.Previous, err)
	}
}

// A bill all of whose readings were withdrawn ends where the one before it does, also when that
// changes.
func TestABillOfAnEmptiedMonthFollowsTheOneBeforeIt(t *testing.T) {
	b := newCrashableBench(t)
	defer func() { b.close() }()
	b.register("A")
	b.recordRows([]string{"A 2026-09-01T00:30 30", "A 2026-09-09T00:00 40", "A 2026-09-10T00:00 464", "A 2026-10-05T00:00 1000", "A 2026-11-10T00:00 3364"})
	b.closes(monthOf(9))
	b.closes(monthOf(10))
	b.corrects("A", "never sent", "2026-10-05T00:00 1000")
	b.closes(monthOf(10))
	b.corrects("A", "never sent", "2026-09-10T00:00 464")
	b.closes(monthOf(9))
	b.wantBills("A", map[time.Month]string{
		9:  "30 2026-09-01T00:30:00 to 40 2026-09-09T00:00:00 is 10, 2 readings, revision 2",
		10: "40 2026-09-09T00:00:00 to 40 2026-09-09T00:00:00 is 0, 0 readings, revision 3",
	})
}

// A dial that nobody read may be said to have gone on beyond the register at which it rolls over.
func TestAnUnreadDialAboveItsLimitComesBack(t *testing.T) {
	b := newCrashableBench(t)
	defer func() { b.close() }()
	b.register("A")
	b.recordRows([]string{"A 2026-10-09T00:00 99"})
	b.limits("A", "100", "60")
	b.exchanges("A", "2026-10-10T03:10:00", "", "1", unread("5"))
	b.recordRows([]string{"A 2026-10-10T04:00 1.5"})
	b.closes(october.Month)
	want := b.points("A")
	b.loses()
	if restored := b.restores(); restored.Refused != 0 {
		t.Errorf("restored %+v", restored)
	}
	if got := b.points("A"); !slices.Equal(got, want) {
		t.Errorf("restored were\n%v, want\n%v", got, want)
	}
}
