package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dsnet/try"

	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/latency"
)

// answerTimeMax is how much longer than its load an answer may take.
const answerTimeMax = time.Minute

// load is some connections to one server and the requests that go over them. The connections are kept from
// one run to the next.
type load struct {
	server *server
	conns  []*caller.Conn
	next   func(b []byte) []byte // writes the next request; it is called by many goroutines
	rate   int                   // requests a second; 0 sends the next as soon as the last is answered
	ended  atomic.Bool           // the run is to stop before its time

	last         throughput
	requests     int64         // of all runs
	cpu, loadCPU time.Duration // of the server and of the generator, for all requests
}

// each returns a request's part of the CPU time for all.
func (l *load) each(cpu time.Duration) time.Duration { return cpu / time.Duration(max(l.requests, 1)) }

// throughput is what came of a run.
type throughput struct {
	requests int64
	took     time.Duration
	latency  latency.Summary // from when a request was due
}

func (t throughput) perSecond() float64 { return float64(t.requests) / t.took.Seconds() }

// newLoad connects to a server, over as many connections as the sizes allow. They are closed when the row
// has been measured.
func (b *bench) newLoad(s *server, connections int, next func([]byte) []byte) *load {
	l := &load{server: s, next: next}
	for range min(connections, b.sizes.connectionsMax) {
		c := try.E1(caller.Dial(b.ctx, s.host))
		b.atEnd(c.Close)
		l.conns = append(l.conns, c)
	}
	return l
}

// stop ends the run, or the next one, before its time.
func (l *load) stop() { l.ended.Store(true) }

// run loads the server for some time, or until it is stopped. An answer other than a 200 is an error: the
// figures would be of something else.
func (l *load) run(d time.Duration) throughput {
	taken := latency.NewRecorder()
	var sent, answered atomic.Int64
	var group sync.WaitGroup
	failures := make(chan error, len(l.conns))
	begun, cpu, loadCPU := time.Now(), l.server.cpu(), ownCPU()
	for _, c := range l.conns {
		group.Go(func() {
			done, err := int64(0), c.SetDeadline(begun.Add(d+answerTimeMax))
			if err == nil {
				done, err = l.over(c, func() (time.Time, bool) { return l.due(begun, &sent, d) }, func(t time.Duration) { taken.Record(t) })
			}
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
	try.E(<-failures)
	l.last = throughput{answered.Load(), time.Since(begun), taken.Summary()}
	l.requests += l.last.requests
	l.cpu += l.server.cpu() - cpu
	l.loadCPU += ownCPU() - loadCPU
	return l.last
}

// due returns when the next request is to be sent, and false after the last. Where no rate is set there
// are as many as connections at the least.
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
func (l *load) over(c *caller.Conn, due func() (time.Time, bool), took func(time.Duration)) (done int64, err error) {
	var request []byte
	for at, more := due(); more; at, more = due() {
		time.Sleep(time.Until(at))
		request = l.next(request[:0])
		answer, err := c.Do(request, nil)
		if err == nil && !answer.OK() {
			err = fmt.Errorf("%.60q was answered %s", request, answer)
		}
		if err != nil {
			return done, err
		}
		took(time.Since(at))
		if done++; l.ended.Load() {
			return done, nil
		}
	}
	return done, nil
}
