package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/tools/latency"
	"meterledger/internal/tools/traffic"
)

// past returns the half hour some days ago at which the live readings of a row begin.
func (b *bench) past(days int) meter.Slot {
	return b.zone.Floor(b.now) - meter.Slot(days*meter.SlotsPerDay)
}

// posts returns what writes the posts of a traffic's readings, one after another,
// each once.
func posts(t *traffic.Traffic) func([]byte) []byte {
	var next atomic.Int64
	return func(b []byte) []byte {
		n := int(next.Add(1)) - 1
		if n >= t.Len() {
			panic(fmt.Sprintf("BUG: there are only %d readings to post", t.Len()))
		}
		return t.AppendPost(b, n)
	}
}

// single measures posts of one reading each against the same router's constant.
func single(connections int, aim aim) func(context.Context, *bench) ([]line, error) {
	return func(ctx context.Context, b *bench) ([]line, error) {
		connections := min(connections, b.sizes.connectionsMax)
		ours, err := b.api(ctx)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, ours.stop()) }()
		t, err := ours.traffic(b.sizes.singleMeters, b.past(30), 30*meter.SlotsPerDay)
		if err != nil {
			return nil, err
		}
		if err := ours.register(ctx, t); err != nil {
			return nil, err
		}
		next := posts(t)
		answer, err := ours.answerTo(ctx, next(nil))
		if err != nil {
			return nil, err
		}
		c, err := b.against(ctx, ours, connections, next, answer)
		if err != nil {
			return nil, err
		}
		l := c.line(fmt.Sprintf("single POST, durable, %d connections", connections), "the same router answering a constant", "/s", aim)
		l.Note = c.note()
		return []line{l}, nil
	}
}

// compared is what came of the same requests to a floor and to ours.
type compared struct {
	pairs

	last                       throughput    // of ours in the last pair
	floorCPU, oursCPU, loadCPU time.Duration // a request: of the two servers and of the generator
}

// note tells what the ratio does not. The ratio by CPU is what it would be were the
// machine's CPUs all that requests wait for and nobody else's: it hardly depends on
// what others do meanwhile.
func (c compared) note() string {
	byCPU := float64(c.floorCPU+c.loadCPU) / float64(max(c.oursCPU+c.loadCPU, 1))
	return fmt.Sprintf("a request took %s of CPU, %s of the floor's and %s of the generator's: a ratio of %s by CPU; latency of the last run: %s",
		latency.Short(c.oursCPU), latency.Short(c.floorCPU), latency.Short(c.loadCPU), number(byCPU), c.last.latency)
}

// against measures the requests of next over some connections, to ours and to a
// floor that gives one answer to all of them, in turn.
func (b *bench) against(ctx context.Context, ours *server, connections int, next func([]byte) []byte, a answer) (c compared, err error) {
	floor, err := b.floor(ctx, a)
	if err != nil {
		return c, err
	}
	ourSide, err := b.side(ctx, ours, connections, next)
	if err != nil {
		return c, err
	}
	floorSide, err := b.side(ctx, floor, connections, next)
	if err != nil {
		return c, err
	}
	warm, slice := b.sizes.warm.duration(), b.sizes.slice.duration()
	if _, err := inTurn(1, floorSide.rate(ctx, warm), ourSide.rate(ctx, warm)); err != nil {
		return c, err
	}
	c.pairs, err = inTurn(b.sizes.pairs, floorSide.rate(ctx, slice), ourSide.rate(ctx, slice))
	c.last, c.floorCPU, c.oursCPU, c.loadCPU = ourSide.last, floorSide.each(floorSide.cpu), ourSide.each(ourSide.cpu), ourSide.each(ourSide.loadCPU)
	return c, err
}

// side is a server and the load on it.
type side struct {
	server   *server
	load     *load
	last     throughput
	requests int64

	cpu, loadCPU time.Duration // of the server and of the generator, for all requests
}

func (b *bench) side(ctx context.Context, s *server, connections int, next func([]byte) []byte) (*side, error) {
	l, err := b.newLoad(ctx, s.host, connections, next)
	return &side{server: s, load: l}, err
}

// rate returns what measures requests a second.
func (s *side) rate(ctx context.Context, d time.Duration) func() (float64, error) {
	return func() (float64, error) {
		before, loadBefore := cpuOf(s.server.program.PID()), ownCPU()
		got, err := s.load.run(ctx, d)
		s.cpu += cpuOf(s.server.program.PID()) - before
		s.loadCPU += ownCPU() - loadBefore
		s.requests += got.requests
		s.last = got
		return got.perSecond(), err
	}
}

// each returns a request's part of the CPU time for all.
func (s *side) each(cpu time.Duration) time.Duration { return cpu / time.Duration(max(s.requests, 1)) }
