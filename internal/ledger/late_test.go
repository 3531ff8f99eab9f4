package ledger

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"meterledger/internal/meter"
)

// heldOrder hands nothing out while it is held.
type heldOrder struct {
	order
	most time.Duration // see waitMax
	gate chan struct{} // has a token while something is handed out
}

func (o *heldOrder) waitMax() time.Duration { return o.most }

func (o *heldOrder) next() (ordered, bool) {
	b, ok := o.order.next()
	<-o.gate
	o.gate <- struct{}{}
	return b, ok
}

func (o *heldOrder) hold()    { <-o.gate }
func (o *heldOrder) release() { o.gate <- struct{}{} }

// testHeld tests a ledger that has meter A, and whose callers wait no longer than most. What was queued must be
// applied in the end, and nothing else.
func testHeld(t *testing.T, most time.Duration, test func(t *testing.T, l *Ledger, o *heldOrder)) {
	synctest.Test(t, func(t *testing.T) {
		l := openLedger(t)
		l.committer.stop()
		o := &heldOrder{order: newAlone(l.journal, l.metrics), most: most, gate: make(chan struct{}, 1)}
		o.release()
		l.committer = newCommitter(l.store, l.journal.End(), l.space, l.stall, l.clock, l.memory, &l.snapshots.growth)
		l.committer.order = o
		l.committer.start()
		if err := registerA(l); err != nil {
			t.Fatal(err)
		}
		test(t, l, o)
		synctest.Wait()
		if taken, granted := l.committer.quota.taken, l.memory.granted.Load(); taken != 0 || granted != 0 {
			t.Errorf("%d bytes of the queue and %d of memory are taken for good", taken, granted)
		}
	})
}

// isUnanswered reports whether a caller was told that nothing is known.
func isUnanswered(err error) bool {
	refusal, ok := errors.AsType[*meter.Error](err)
	return ok && refusal == errUnanswered && refusal.Code == meter.CodeNotReady && refusal.Reason == meter.ReasonNoQuorum && refusal.RetryAfter == 2*time.Second
}

func wantRecorded(t *testing.T, l *Ledger, back meter.Slot, want int64) {
	t.Helper()
	m, _ := l.store.Lookup("A")
	if got, ok := l.store.At(m.Index, l.zone.Floor(l.now())-back); !ok || got != kWh(want) {
		t.Errorf("%d half hours ago %v is recorded (%v), want %d", back, got, ok, want)
	}
}

// TestACallerIsToldIn10SecondsThatNothingIsKnown: the reading may be recorded later, whoever sends others meanwhile.
func TestACallerIsToldIn10SecondsThatNothingIsKnown(t *testing.T) {
	testHeld(t, 10*time.Second, func(t *testing.T, l *Ledger, o *heldOrder) {
		const rounds, together = 5, 4
		o.hold()
		for round := range rounds {
			began := time.Now()
			var group sync.WaitGroup
			for n := range together {
				group.Go(func() {
					back := meter.Slot(round*together + n)
					if err := sendA(l, back, int64(100-back)); !isUnanswered(err) || time.Since(began) != 10*time.Second {
						t.Errorf("after %v it was answered %v", time.Since(began), err)
					}
				})
			}
			group.Wait()
		}
		o.release()
		synctest.Wait()
		for back := range meter.Slot(rounds * together) {
			wantRecorded(t, l, back, int64(100-back))
			if err := sendA(l, back, int64(100-back)); err != nil {
				t.Errorf("sent again, it is no duplicate: %v", err)
			}
		}
	})
}

func TestRowsOfABulkAreToldThatNothingIsKnown(t *testing.T) {
	testHeld(t, 10*time.Second, func(t *testing.T, l *Ledger, o *heldOrder) {
		const rows = 4 * submissionRows
		bulk := func() meter.Tally {
			b := l.Bulk(t.Context())
			for row := range rows {
				back := meter.Slot(rows - row)
				if err := b.Add(row+1, meter.Row{Meter: []byte("A"), Slot: l.zone.Floor(l.now()) - back, Register: kWh(int64(row))}); err != nil {
					t.Fatal(err)
				}
			}
			tally, err := b.Flush()
			if err != nil {
				t.Fatal(err)
			}
			return tally
		}
		l.held.Store(heldMax) // so that each submission is settled before the next one, which it becomes
		o.hold()
		if tally := bulk(); tally.Retry != rows || !isUnanswered(tally.Refusals[0].Err) {
			t.Errorf("of the sender's rows %d are worth sending again", tally.Retry)
		}
		o.release()
		synctest.Wait()
		for row := range int64(rows) {
			wantRecorded(t, l, meter.Slot(rows-row), row)
		}
		if tally := bulk(); tally.Duplicates != rows {
			t.Errorf("sent again, %d are duplicates", tally.Duplicates)
		}
	})
}

func TestAccountsOfAListAreToldThatNothingIsKnown(t *testing.T) {
	testHeld(t, 10*time.Second, func(t *testing.T, l *Ledger, o *heldOrder) {
		list := func() meter.Tally {
			accounts, err := l.ImportAccounts(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for n := range 3 * accountsTogether {
				account := meter.Account{ID: meter.ID(fmt.Sprintf("meter %d", n)), OwnerName: fmt.Sprintf("owner %d", n), Address: "Road"}
				if err := accounts.Add(n+1, account); err != nil {
					t.Fatal(err)
				}
			}
			tally, err := accounts.Flush()
			if err != nil {
				t.Fatal(err)
			}
			return tally
		}
		o.hold()
		if tally := list(); tally.Retry != 3*accountsTogether || !isUnanswered(tally.Refusals[0].Err) {
			t.Errorf("of the sender's rows %d are worth sending again", tally.Retry)
		}
		o.release()
		synctest.Wait()
		if tally := list(); tally.Duplicates != 3*accountsTogether {
			t.Errorf("sent again, %d are duplicates", tally.Duplicates)
		}
	})
}

func TestAChangeIsToldThatNothingIsKnown(t *testing.T) {
	testHeld(t, 10*time.Second, func(t *testing.T, l *Ledger, o *heldOrder) {
		o.hold()
		if err := l.SetOwner(t.Context(), "A", "Lim", "", ""); !isUnanswered(err) {
			t.Errorf("it was answered %v", err)
		}
		if err := l.committer.quota.take(t.Context(), queueBytesMax, impatient, nil); err == nil {
			t.Fatal("nothing is in the queue")
		}
		rest := queueBytesMax - l.committer.quota.taken
		if err := l.committer.quota.take(t.Context(), rest, impatient, nil); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := l.SetOwner(t.Context(), "A", "Ng", "", ""); !errors.Is(err, errNoQuorum) || time.Since(began) != 10*time.Second {
			t.Errorf("without room in the queue, after %v it was answered %v", time.Since(began), err)
		}
		b := l.Bulk(t.Context())
		err := b.Add(1, meter.Row{Meter: []byte("A"), Slot: l.zone.Floor(l.now()), Register: kWh(1)})
		b.begun = true
		if tally, flushErr := b.Flush(); err != nil || flushErr != nil || tally.Retry != 1 || !errors.Is(tally.Refusals[0].Err, errNoQuorum) {
			t.Errorf("without room in the queue, a row was answered %+v, %v", tally, flushErr)
		}
		l.committer.quota.give(rest)
		o.release()
		synctest.Wait()
		if a := l.store.Account(0); a.OwnerName != "Lim" {
			t.Errorf("the owner is %s", a.OwnerName)
		}
	})
}

// TestASenderThatComesLateIsToldTheVerdict: its rows were recorded long before it asks.
func TestASenderThatComesLateIsToldTheVerdict(t *testing.T) {
	testHeld(t, 10*time.Second, func(t *testing.T, l *Ledger, o *heldOrder) {
		const rows = 10 * submissionRows
		b := l.Bulk(t.Context())
		o.hold()
		for row := range rows {
			if err := b.Add(row+1, meter.Row{Meter: []byte("A"), Slot: l.zone.Floor(l.now()) - rows + meter.Slot(row)}); err != nil {
				t.Fatal(err)
			}
		}
		o.release()
		time.Sleep(time.Minute)
		if tally, err := b.Flush(); err != nil || tally.Accepted != rows {
			t.Errorf("it was told that %d rows were accepted, %v", tally.Accepted, err)
		}
	})
}

func TestANodeAloneWaitsForItsDisk(t *testing.T) {
	testHeld(t, 0, func(t *testing.T, l *Ledger, o *heldOrder) {
		o.hold()
		answered := make(chan error)
		go func() { answered <- sendA(l, 0, 5) }()
		time.Sleep(time.Hour)
		select {
		case err := <-answered:
			t.Errorf("it was answered %v", err)
		default:
		}
		o.release()
		if err := <-answered; err != nil {
			t.Error(err)
		}
	})
}
