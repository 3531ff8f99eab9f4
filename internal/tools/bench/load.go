package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"meterledger/internal/tools/latency"
	"meterledger/internal/tools/wire"
)

// answerTimeMax is how much longer than its load an answer may take.
const answerTimeMax = time.Minute

// load is some connections to one server and the requests that go over them. The
// connections are kept from one run to the next.
type load struct {
	conns []*wire.Conn
	next  func(b []byte) []byte // writes the next request; it is called by many goroutines
	rate  int                   // requests a second; 0 sends the next as soon as the last is answered
	ended atomic.Bool           // the run is to stop before its time
}

// throughput is what came of a run.
type throughput struct {
	requests int64
	took     time.Duration
	latency  latency.Summary // from when a request was due
}

func (t throughput) perSecond() float64 { return float64(t.requests) / t.took.Seconds() }

// newLoad connects to a server. The connections are closed when the row has been
// measured.
func (b *bench) newLoad(ctx context.Context, host string, connections int, next func([]byte) []byte) (*load, error) {
	l := &load{next: next}
	b.atEnd(l.close)
	for range connections {
		c, err := wire.Dial(ctx, host)
		if err != nil {
			return nil, err
		}
		l.conns = append(l.conns, c)
	}
	return l, nil
}

func (l *load) close() error {
	var errs []error
	for _, c := range l.conns {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// stop ends the run, or the next one, before its time.
func (l *load) stop() { l.ended.Store(true) }

// run loads the server for some time, or until it is stopped. An answer other than
// a 200 is an error: the figures would be of something else.
func (l *load) run(ctx context.Context, d time.Duration) (throughput, error) {
	taken := latency.NewRecorder()
	var sent, answered atomic.Int64
	var group sync.WaitGroup
	failures := make(chan error, len(l.conns))
	begun := time.Now()
	for number, c := range l.conns {
		group.Go(func() {
			if err := c.SetDeadline(begun.Add(d + answerTimeMax)); err != nil {
				failures <- err
				return
			}
			done, err := l.over(ctx, c, func() (time.Time, bool) { return l.due(begun, &sent, d) }, func(t time.Duration) {
				taken.Record(number, t)
			})
			answered.Add(done)
			if err != nil {
				failures <- err
				l.stop()
			}
		})
	}
	group.Wait()
	l.ended.Store(false)
	close(failures)
	return throughput{answered.Load(), time.Since(begun), taken.Summary()}, <-failures
}

// due returns when the next request is to be sent, and false after the last. Where no
// rate is set there are as many as connections at the least.
func (l *load) due(begun time.Time, sent *atomic.Int64, d time.Duration) (time.Time, bool) {
	before := sent.Add(1) - 1
	if l.rate == 0 {
		now := time.Now()
		return now, before < int64(len(l.conns)) || now.Sub(begun) < d
	}
	after := time.Duration(before) * time.Second / time.Duration(l.rate)
	return begun.Add(after), after < d
}

// over sends requests over one connection.
func (l *load) over(ctx context.Context, c *wire.Conn, due func() (time.Time, bool), took func(time.Duration)) (done int64, err error) {
	var request []byte
	for ctx.Err() == nil {
		at, more := due()
		if !more {
			return done, nil
		}
		time.Sleep(time.Until(at))
		request = l.next(request[:0])
		answer, err := c.Do(request, nil)
		if err != nil {
			return done, err
		}
		if answer.Status != http.StatusOK {
			return done, fmt.Errorf("%.60q was answered %d %s", request, answer.Status, answer.Body)
		}
		took(time.Since(at))
		if done++; l.ended.Load() {
			return done, nil
		}
	}
	return done, nil
}
