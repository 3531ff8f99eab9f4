package rest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/pace"
)

// TestFewBodiesAreWorkedOnAtATime has sixteen bodies whose rows take a millisecond each, and looks
// at how many are at work in each of them.
func TestFewBodiesAreWorkedOnAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bodies, rows = 16, 4 * turnRows
		turns := make(turns, 2)
		var mu sync.Mutex // guards those below
		atWork, most := 0, 0
		var ended []time.Time
		works := func(change int) {
			mu.Lock()
			defer mu.Unlock()
			atWork += change
			most = max(most, atWork)
		}
		var working sync.WaitGroup
		for range bodies {
			working.Go(func() {
				turn := &turn{turns: turns, ctx: t.Context()}
				defer turn.end()
				if err := turn.begin(); err != nil {
					t.Error(err)
				}
				for range rows {
					if err := turn.row(); err != nil {
						t.Error(err)
					}
					works(1)
					time.Sleep(time.Millisecond) // the work
					works(-1)
				}
				if turn.rows >= turnRows {
					t.Errorf("a turn has %d rows", turn.rows)
				}
				mu.Lock()
				defer mu.Unlock()
				ended = append(ended, time.Now())
			})
		}
		working.Wait()
		if most != cap(turns) {
			t.Errorf("%d bodies were worked on at a time, want %d", most, cap(turns))
		}
		// None waited until others had ended.
		if apart := ended[bodies-1].Sub(ended[0]); apart > bodies*turnRows*time.Millisecond {
			t.Errorf("the last ended %v after the first", apart)
		}
	})
}

// readFunc is a body that does something when it is read.
type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

func TestABodyThatStandsStillHasNoTurn(t *testing.T) {
	turn := &turn{turns: make(turns, 1), ctx: t.Context()}
	if err := turn.begin(); err != nil {
		t.Fatal(err)
	}
	free := false
	body := arrival{readFunc(func([]byte) (int, error) { free = len(turn.turns) == 0; return 0, nil }), turn}
	if _, err := body.Read(nil); err != nil || !free || len(turn.turns) != 1 {
		t.Errorf("the turn was free while nothing arrived: %v; then %d are taken; %v", free, len(turn.turns), err)
	}
	turn.end()
	turn.end()
	if len(turn.turns) != 0 {
		t.Error("the turn was not given back")
	}
}

// TestTheWorkOnABodyEndsWithItsCaller has a text without a row, one with many, and a caller who
// waits for a turn.
func TestTheWorkOnABodyEndsWithItsCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	turn := &turn{turns: make(turns, 1), ctx: ctx}
	if err := turn.begin(); err != nil {
		t.Fatal(err)
	}
	text, err := unpack("zstd", arrival{bytes.NewReader(pack(t, "zstd", string(make([]byte, 1<<20)))), turn}, unpackedBytesMax)
	if err != nil {
		t.Fatal(err)
	}
	defer text.close()
	body := &bulkBody{unpacker: text, turn: turn}
	if _, err := body.Read(make([]byte, 1<<10)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if n, err := body.Read(make([]byte, 1<<10)); n > 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d bytes of the text were read after its caller had gone: %v", n, err)
	}
	for n := range turnRows + 1 {
		if err := turn.row(); errors.Is(err, context.Canceled) {
			break
		} else if n == turnRows {
			t.Errorf("%d rows were taken after their caller had gone: %v", n, err)
		}
	}
	turn.turns <- struct{}{} // another works
	if err := turn.begin(); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who has gone waited for a turn: %v", err)
	}
}

// TestRowsBeyondARateAreReadMoreSlowly has a caller who may send 60 rows a second, in a long body and
// in a short one.
func TestRowsBeyondARateAreReadMoreSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const perMinute, rows = 3600, 10*turnRows + 5
		limited := pace.Limit(perMinute, httpkit.RateKey, httpkit.WriteError)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			turn := &turn{turns: make(turns, 1), ctx: r.Context()}
			for range rows {
				if err := turn.row(); err != nil {
					t.Error(err)
				}
			}
			if _, err := endOf(turn, noBatch{}, rows, io.EOF); err != nil || turn.rows != 0 {
				t.Errorf("%d rows are not counted, %v", turn.rows, err)
			}
		}))
		began := time.Now()
		limited.ServeHTTP(httptest.NewRecorder(), from(t, "192.0.2.1"))
		if took, want := time.Since(began), time.Minute*rows/perMinute; took < want-time.Minute || took > want+time.Minute {
			t.Errorf("%d rows took %v, want about %v", rows, took, want)
		}
	})
}

// noBatch takes no rows.
type noBatch struct{}

func (noBatch) Flush() (meter.Tally, error) { return meter.Tally{}, nil }
