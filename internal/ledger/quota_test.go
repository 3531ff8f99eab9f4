package ledger

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

func TestAFullQueueRefusesMetersAndSlowsBulkSendersDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q quota
		never := make(chan struct{}) // a failure that does not come
		ctx := t.Context()
		if err := q.take(ctx, bulkBytesMax, bulky, never); err != nil {
			t.Fatal(err)
		}
		var in [3]atomic.Bool
		for sender := range 3 {
			go func() {
				if err := q.take(ctx, bulkBytesMax/2, bulky, never); err != nil {
					t.Error(err)
				}
				in[sender].Store(true)
			}()
			synctest.Wait() // so that they wait in this order
		}
		if in[0].Load() {
			t.Error("a bulk sender was not slowed down")
		}
		if err := q.take(ctx, queueBytesMax-bulkBytesMax, impatient, never); err != nil {
			t.Errorf("a meter was refused while only bulk senders had filled their part: %v", err)
		}
		if err := q.take(ctx, 1, impatient, never); !errors.Is(err, errOverloaded) {
			t.Errorf("the queue is full: %v", err)
		}
		q.give(queueBytesMax - bulkBytesMax)
		synctest.Wait()
		if in[0].Load() {
			t.Error("a bulk sender was let in beyond its part")
		}
		q.give(bulkBytesMax)
		synctest.Wait()
		if !in[0].Load() || !in[1].Load() || in[2].Load() {
			t.Errorf("let in were %v, not the first two", &in)
		}
		q.give(bulkBytesMax / 2)
		synctest.Wait()
		if !in[2].Load() {
			t.Error("the last was not let in")
		}
	})
}

func TestASenderThatGoesAwayLeavesItsPlaceToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q quota
		never := make(chan struct{}) // a failure that does not come
		if err := q.take(t.Context(), bulkBytesMax-10, bulky, never); err != nil {
			t.Fatal(err)
		}
		impatientCtx, goAway := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() { left <- q.take(impatientCtx, 100, bulky, never) }()
		synctest.Wait()
		next := make(chan error, 1)
		go func() { next <- q.take(t.Context(), 5, bulky, never) }()
		synctest.Wait()
		if len(next) > 0 {
			t.Error("the second overtook the first")
		}
		goAway()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("the one that went away: %v", err)
		}
		if err := <-next; err != nil {
			t.Error(err)
		}
		if q.taken != bulkBytesMax-5 {
			t.Errorf("%d bytes are taken", q.taken)
		}
	})
}

func TestRoomIsNeverTakenTwiceAndAllComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q quota
		never := make(chan struct{}) // a failure that does not come
		var held []int
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			if len(held) > 0 && rapid.Bool().Draw(t, "give") {
				q.give(held[0])
				held = held[1:]
				continue
			}
			bytes := rapid.IntRange(1, queueBytesMax).Draw(t, "bytes")
			if err := q.take(context.Background(), bytes, impatient, never); err == nil {
				held = append(held, bytes)
			}
			if q.taken > queueBytesMax {
				t.Fatalf("%d bytes are taken", q.taken)
			}
		}
		for _, bytes := range held {
			q.give(bytes)
		}
		if q.taken != 0 {
			t.Fatalf("%d bytes are left", q.taken)
		}
	})
}

// TestReceptionIsSwitchedWhileABulkSenderWaitsForQuota: a sender that waits must not hold
// what others need.
func TestReceptionIsSwitchedWhileABulkSenderWaitsForQuota(t *testing.T) {
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 23, 2, 10, 0, 0, time.UTC)
	l, err := Open(t.Context(), Options{
		FS: vfs.NewMem(), DataDir: "data", Zone: zone,
		Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Register(t.Context(), "A", "Tan", "Road"); err != nil {
		t.Fatal(err)
	}
	if err := l.committer.quota.take(t.Context(), bulkBytesMax, bulky, nil); err != nil { // as other senders would
		t.Fatal(err)
	}
	var tally meter.Tally
	sent := make(chan error, 1)
	go func() {
		b := l.Bulk(t.Context())
		err := b.Add(1, meter.Reading{Meter: "A", Slot: zone.Floor(now) - 10}.Row())
		var flushErr error
		tally, flushErr = b.Flush()
		sent <- errors.Join(err, flushErr)
	}()
	for waiting := 0; waiting == 0; runtime.Gosched() {
		l.committer.quota.mu.Lock()
		waiting = len(l.committer.quota.waiting)
		l.committer.quota.mu.Unlock()
	}
	if err := l.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l.Receiving() {
		t.Error("reception is on")
	}
	l.committer.quota.give(bulkBytesMax)
	if err := <-sent; err != nil || tally.Retry != 1 || !errors.Is(tally.Retriable(), errNotReceiving) {
		t.Errorf("the bulk sender was told %+v, %v", tally, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestAFullQueueRefusesABulkBeforeItsFirstRow, like a single reading: it would only wait behind
// those that are refused.
func TestAFullQueueRefusesABulkBeforeItsFirstRow(t *testing.T) {
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	l, err := Open(t.Context(), Options{FS: vfs.NewMem(), DataDir: "data", Zone: zone, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.committer.quota.take(t.Context(), queueBytesMax-requestBytes+1, impatient, nil); err != nil {
		t.Fatal(err)
	}
	b := l.Bulk(t.Context())
	if err := b.Refuse(1, errors.New("no row")); err != nil {
		t.Error(err)
	}
	if tally, err := b.Flush(); !errors.Is(err, errOverloaded) || tally.Refused > 0 {
		t.Errorf("the bulk sender was told %+v, %v", tally, err)
	}
	l.committer.quota.give(queueBytesMax - requestBytes + 1)
	b = l.Bulk(t.Context())
	if err := b.Refuse(1, errors.New("no row")); err != nil {
		t.Error(err)
	}
	if tally, err := b.Flush(); err != nil || tally.Refused != 1 {
		t.Errorf("with room again it was told %+v, %v", tally, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestASenderIsToldThatReceptionWasShutDownBeforeTheVerdicts: rows that are worth sending
// again must not pass for rows that are refused for good.
func TestASenderIsToldThatReceptionWasShutDownBeforeTheVerdicts(t *testing.T) {
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	l, err := Open(t.Context(), Options{FS: vfs.NewMem(), DataDir: "data", Zone: zone, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Register(t.Context(), "A", "Tan", "Road"); err != nil {
		t.Fatal(err)
	}
	b := newSubmission().(*submission)
	b.reset(l, bulky)
	b.add(1, store.Reading{Slot: zone.Floor(time.Now()) - 10})
	b.readArchives()
	b.look()
	b.judge()
	if err := l.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.commit.payload, b.commit.entries = store.AppendReadings(nil, b.taken, false), len(b.taken)
	if err := l.committer.enqueue(t.Context(), b.commit, bulky); err != nil {
		t.Fatal(err)
	}
	if err := b.settle(); err != nil || b.retry != 1 || b.refused != 1 || !errors.Is(b.refusals[0].Err, errNotReceiving) {
		t.Errorf("the sender was told %v, and that of %d refused rows %d are worth sending again: %v", err, b.refused, b.retry, b.refusals)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}
