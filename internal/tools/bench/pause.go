package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/dsnet/try"

	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/latency"
	"meterledger/internal/tools/suite/programs"
)

const (
	pauseCallers = 16
	pausePatient = 15 * time.Second      // no reading may take longer
	pauseAgain   = 10 * time.Millisecond // between rounds over all nodes
	pauseWatched = 2 * time.Second       // beyond what a pause may last
)

// fault is what ends at a moment, and how long a caller may wait then.
type fault struct {
	what         string
	most         time.Duration
	signal       syscall.Signal
	api, members bool // the leading ones of the apis, and of the members of etcd
}

var faults = []fault{
	{"SIGTERM to the api that leads", 300 * time.Millisecond, syscall.SIGTERM, true, false},
	{"SIGKILL to the api that leads", time.Second, syscall.SIGKILL, true, false},
	{"SIGKILL to the etcd that leads", 2 * time.Second, syscall.SIGKILL, false, true},
	{"SIGKILL to both", 6 * time.Second, syscall.SIGKILL, true, true},
}

// clusterPauses measures the longest that callers wait for an answer who ask another node when one does not take
// their reading, while what leads ends.
func clusterPauses(b *bench, n *nodes) (lines []line) {
	t := n.traffic(b.sizes.singleMeters, b.past(30), 30*meter.SlotsPerDay)
	n.register(t)
	next := posts(t)
	for _, f := range faults {
		var waits []float64
		for range b.sizes.pauses {
			waits = append(waits, n.longestWait(next, f).Seconds())
		}
		l := line{What: "longest wait, " + f.what, Ours: medianOf("s", waits), aim: atMost(f.most.Seconds(), "s")}
		l.Note = fmt.Sprintf("the worst of %d is %s s; %d callers post one reading after another, and ask the next node when one does not answer 200",
			len(waits), number(slices.Max(waits)), pauseCallers)
		lines = append(lines, l)
	}
	return lines
}

// longestWait ends what a fault ends under load, and starts it again.
func (n *nodes) longestWait(next func([]byte) []byte, f fault) time.Duration {
	waited := latency.NewRecorder()
	var struck atomic.Bool
	var callers sync.WaitGroup
	failures := make(chan error, pauseCallers)
	ctx, stop := context.WithCancel(n.b.ctx)
	defer stop()
	for first := range pauseCallers {
		callers.Go(func() {
			each := caller.Several(len(n.hosts), caller.Caller{Impatient: true})
			for i, c := range each {
				c.Host = n.hosts[i]
				defer c.Close()
			}
			for ctx.Err() == nil {
				begun := time.Now()
				if err := n.deliver(each, first, next(nil)); err != nil {
					failures <- err
					return
				}
				if struck.Load() {
					waited.Record(time.Since(begun))
				}
			}
		})
	}
	try.E(caller.Pause(ctx, n.b.sizes.slice))
	ended := n.leading(f)
	struck.Store(true)
	for _, p := range ended {
		try.E(p.Signal(f.signal))
	}
	pause := caller.Pause(ctx, f.most+pauseWatched)
	stop()
	callers.Wait()
	close(failures)
	try.E(errors.Join(<-failures, pause))
	for _, p := range ended {
		if f.signal == syscall.SIGKILL {
			try.E(p.Kill())
		}
		try.E(p.Stop())
	}
	try.E(n.Start(n.b.ctx))
	return waited.Summary().Max
}

// leading are the programs that a fault ends.
func (n *nodes) leading(f fault) (those []*programs.Program) {
	if f.api {
		those = append(those, n.Program(programs.Name(*n.leads.Load())))
	}
	if f.members {
		those = append(those, try.E1(n.LeadingMember(n.b.ctx)))
	}
	return those
}

// deliver sends a reading to one node after another until one acknowledges it.
func (n *nodes) deliver(nodes []*caller.Caller, first int, request []byte) error {
	var answer caller.Answer
	var err error
	for begun := time.Now(); time.Since(begun) < pausePatient; time.Sleep(pauseAgain) {
		for i := range nodes {
			answer, err = nodes[(first+i)%len(nodes)].Do(n.b.ctx, request, nil)
			switch {
			case err == nil && answer.OK():
				return nil
			case err == nil && answer.Status < 500:
				return fmt.Errorf("%.60q was answered %s", request, answer)
			}
		}
	}
	return fmt.Errorf("%.60q was not acknowledged within %s: %s, %w", request, latency.Short(pausePatient), answer, err)
}
