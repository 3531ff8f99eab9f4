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

// load is requests over some connections to one server, which are kept from one slice to the next.
type load struct {
	server *server
	conns  []*caller.Conn
	next   func(b []byte) []byte // writes the next request; it is called by many goroutines
	rate   int                   // requests a second; 0 sends the next as soon as the last is answered
	ended  atomic.Bool           // the slice is to stop before its time

	last         throughput
	requests     int64         // of all slices
	cpu, loadCPU time.Duration // of the server and of the generator, for all requests
}

// each returns a request's part of the CPU time for all.
func (l *load) each(cpu time.Duration) time.Duration { return cpu / time.Duration(max(l.requests, 1)) }

// throughput is what came of a slice of load: how long the requests took, each from when it was due.
type throughput struct {
	latency.Summary

	took time.Duration
}

func (t throughput) perSecond() float64 { return float64(t.Count) / t.took.Seconds() }

func (t throughput) millisecondsEach() float64 { return 1000 / t.perSecond() }

// newLoad connects to a server. The connections are closed when the row has been measured.
func (b *bench) newLoad(s *server, connections int, next func([]byte) []byte) *load {
	l := &load{server: s, next: next}
	for i := range b.connections(connections) {
		host := s.host
		if len(s.hosts) > 0 {
			host = s.hosts[i%len(s.hosts)]
		}
		c := try.E1(caller.Dial(b.ctx, host))
		b.atEnd(c.Close)
		l.conns = append(l.conns, c)
	}
	return l
}

// connections is how many are made of those that a row wants.
func (b *bench) connections(wanted int) int { return min(wanted, b.sizes.connectionsMax) }

// stop ends the slice, or the next one, before its time.
func (l *load) stop() { l.ended.Store(true) }

// run loads the server for a slice of time, or until it is stopped. Only a 200 is no error.
func (l *load) run(d time.Duration) throughput {
	taken := latency.NewRecorder()
	var sent atomic.Int64
	var group sync.WaitGroup
	failures := make(chan error, len(l.conns))
	begun, cpu, loadCPU := time.Now(), l.server.cpu(), ownCPU()
	for _, c := range l.conns {
		group.Go(func() {
			err := c.SetDeadline(begun.Add(d + answerTimeMax))
			if err == nil {
				err = l.over(c, begun, d, &sent, taken)
			}
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
	l.last = throughput{taken.Summary(), time.Since(begun)}
	l.requests += l.last.Count
	l.cpu += l.server.cpu() - cpu
	l.loadCPU += ownCPU() - loadCPU
	return l.last
}

// due returns when to send the next request, false after the last. Without a rate each connection has one.
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
func (l *load) over(c *caller.Conn, begun time.Time, d time.Duration, sent *atomic.Int64, taken *latency.Recorder) error {
	var request []byte
	for at, more := l.due(begun, sent, d); more; at, more = l.due(begun, sent, d) {
		time.Sleep(time.Until(at))
		request = l.next(request[:0])
		answer, err := c.Do(request, nil)
		if err != nil {
			return err
		}
		if !answer.OK() {
			return fmt.Errorf("%.60q was answered %s", request, answer)
		}
		taken.Record(time.Since(at))
		if l.ended.Load() {
			return nil
		}
	}
	return nil
}
