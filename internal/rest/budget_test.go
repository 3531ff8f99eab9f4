package rest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"meterledger/internal/meter"
)

// from is a request that comes from an address.
func from(t *testing.T, address string) *http.Request {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/", nil)
	r.RemoteAddr = address + ":1234"
	return r
}

func newTestBudget(all int) *budget {
	return newBudget(all, time.Second, "things", meter.KindUnavailable, meter.CodeOverloaded)
}

// isUnused reports whether nothing is held of a budget, and nothing kept of those who did.
func (b *budget) isUnused() bool { return b.held == 0 && len(b.by) == 0 && len(b.waiting) == 0 }

func TestNoCallerHoldsABudgetAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBudget(10)
		greedy, other := from(t, "192.0.2.1"), from(t, "192.0.2.2")
		for range 5 {
			if err := b.take(greedy, 1); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		if err := b.take(greedy, 1); !errors.Is(err, b.own) || time.Since(began) != b.patience {
			t.Errorf("a caller that holds half was told %v after %v", err, time.Since(began))
		}
		if err := b.take(other, 5); err != nil {
			t.Errorf("another was told %v", err)
		}
		if err := b.take(from(t, "192.0.2.3"), 1); !errors.Is(err, b.spent) {
			t.Errorf("a third was told %v", err)
		}
		b.give(other, 5)
		for range 5 {
			b.give(greedy, 1)
		}
		if !b.isUnused() {
			t.Errorf("at the end %d are held, by %v; %d wait", b.held, b.by, len(b.waiting))
		}
	})
}

// TestFewCallersDoNotHoldAllPages has callers that take what they can get, one after the other.
func TestFewCallersDoNotHoldAllPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newPageBudget()
		for _, c := range []struct {
			address string
			want    int
		}{{"192.0.2.1", 64}, {"192.0.2.2", 32}, {"192.0.2.3", 16}, {"192.0.2.4", 8}} {
			got := 0
			for b.take(from(t, c.address), seriesPageBytes) == nil {
				got++
			}
			if got != c.want {
				t.Errorf("%s holds %d, want %d", c.address, got, c.want)
			}
		}
		if err := b.take(from(t, "192.0.2.5"), seriesPageBytes); err != nil {
			t.Errorf("one who holds nothing yet was told %v", err)
		}
	})
}

// TestABudgetIsGrantedInTheOrderOfArrival has a large claim that small ones must not pass, and one
// of a caller that holds too much, which keeps nobody up.
func TestABudgetIsGrantedInTheOrderOfArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBudget(10)
		b.patience = time.Hour
		first, second := from(t, "192.0.2.1"), from(t, "192.0.2.2")
		if err := errors.Join(b.take(first, 5), b.take(second, 3)); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex // guards granted; those whose turn comes at once run side by side
		var granted []string
		for _, c := range []struct {
			name, address string
			part          int
		}{{"too much", "192.0.2.1", 1}, {"large", "192.0.2.3", 4}, {"small", "192.0.2.4", 1}} {
			go func() {
				if err := b.take(from(t, c.address), c.part); err != nil {
					t.Error(c.name, err)
				}
				mu.Lock()
				defer mu.Unlock()
				granted = append(granted, c.name)
			}()
			synctest.Wait()
		}
		for _, step := range []struct {
			give func()
			want []string
		}{
			{func() { b.give(second, 1) }, nil},
			{func() { b.give(second, 2) }, []string{"large", "small"}},
			{func() { b.give(first, 5) }, []string{"large", "small", "too much"}},
		} {
			step.give()
			synctest.Wait()
			if slices.Sort(granted); !slices.Equal(granted, step.want) {
				t.Errorf("granted are %v, want %v", granted, step.want)
			}
		}
	})
}

func TestWhoHangsUpWaitsForNoBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBudget(2)
		one, two := from(t, "192.0.2.1"), from(t, "192.0.2.2")
		if err := errors.Join(b.take(one, 1), b.take(two, 1)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		told := make(chan error)
		go func() { told <- b.take(from(t, "192.0.2.3").WithContext(ctx), 1) }()
		synctest.Wait()
		cancel()
		if err := <-told; !errors.Is(err, context.Canceled) {
			t.Errorf("a caller who hung up was told %v", err)
		}
		b.give(one, 1)
		b.give(two, 1)
		if !b.isUnused() {
			t.Errorf("at the end %d are held, by %v; %d wait", b.held, b.by, len(b.waiting))
		}
	})
}

// newTestApp has what bulk bodies need before their first row.
func newTestApp() *app { return &app{bulks: newBulkBudget(), turns: newTurns()} }

// TestPackedBodiesUnderWayAreFew opens as many as two callers can, whose zstd never comes to an
// end, and a plain one beside them.
func TestPackedBodiesUnderWayAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestApp()
		open := func(address, encoding string) (*bulkBody, error) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/", http.NoBody)
			r.RemoteAddr = address + ":1234"
			r.Header.Set("Content-Encoding", encoding)
			body, err := a.openBulk(httptest.NewRecorder(), r, a.turns)
			if err == nil {
				body.turn.end() // as if it waited for the caller
			}
			return body, err
		}
		var bodies []*bulkBody
		for _, address := range []string{"192.0.2.1", "192.0.2.2"} {
			body, err := open(address, "zstd")
			for ; err == nil; body, err = open(address, "zstd") {
				bodies = append(bodies, body)
			}
			if !errors.Is(err, a.bulks.own) {
				t.Error(err)
			}
		}
		if n, most := len(bodies), bulkBytesMax/packedBytes; n < most-2 || n > most {
			t.Errorf("%d packed bodies are under way, want about %d", n, most)
		}
		for body, err := open("192.0.2.3", ""); !errors.Is(err, a.bulks.spent); body, err = open("192.0.2.3", "") {
			if err != nil || len(bodies) > bulkBytesMax/plainBytes {
				t.Fatalf("with %d bodies under way: %v", len(bodies), err)
			}
			bodies = append(bodies, body)
		}
		for _, body := range bodies {
			body.close()
		}
		if _, err := open("192.0.2.1", "lzma"); err == nil || !a.bulks.isUnused() || len(a.turns) > 0 {
			t.Errorf("at the end %d bytes are held, by %v; %d wait; %d turns are taken; %v", a.bulks.held, a.bulks.by, len(a.bulks.waiting), len(a.turns), err)
		}
	})
}
