package main

import (
	"fmt"
	"net/url"
	"sync/atomic"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/households"
	"meterledger/internal/tools/latency"
)

const queryConnections = 64

// posts returns what writes the posts of a traffic's readings, one after another,
// each once.
func posts(t *households.Traffic) func([]byte) []byte {
	var next atomic.Int64
	return func(b []byte) []byte {
		n := int(next.Add(1)) - 1
		if n >= t.Len() {
			panic(fmt.Sprintf("BUG: there are only %d readings to post", t.Len()))
		}
		return t.AppendPost(b, n)
	}
}

// questions returns what writes the same question for one meter after another.
func questions(t *households.Traffic, path, more string) func([]byte) []byte {
	var next atomic.Int64
	return func(b []byte) []byte { return t.AppendQuestion(b, path, int(next.Add(1))%t.Meters.Len(), more) }
}

// window is a span of time as a query has it.
func (b *bench) window(from, to meter.Slot) string {
	return "&start=" + url.QueryEscape(b.zone.Stamp(from)) + "&end=" + url.QueryEscape(b.zone.Stamp(to))
}

// consumptions returns what asks for the consumption of a day.
func (b *bench) consumptions(t *households.Traffic, from meter.Slot) func([]byte) []byte {
	return questions(t, "/get_consumption", "&period=custom"+b.window(from, from+meter.SlotsPerDay))
}

// single measures posts of one reading each against the same router's constant.
func single(connections int, aim aim) func(*bench) []line {
	return func(b *bench) []line {
		ours := b.api()
		t := ours.traffic(b.sizes.singleMeters, b.past(30), 30*meter.SlotsPerDay)
		ours.register(t)
		c := b.against(ours, connections, posts(t))
		return c.lines(fmt.Sprintf("single POST, durable, %d connections", min(connections, b.sizes.connectionsMax)),
			"the same router answering a constant", "/s", aim)
	}
}

// consumption measures get_consumption against the same router's constant.
func consumption(b *bench) []line {
	ours, from := b.api(), b.past(2)
	t := ours.traffic(b.sizes.consumptionMeters, from, 2*meter.SlotsPerDay)
	ours.settle(t)
	c := b.against(ours, queryConnections, b.consumptions(t, from))
	return c.lines(fmt.Sprintf("get_consumption of a day, %d connections", min(queryConnections, b.sizes.connectionsMax)),
		"the same router answering a constant", "/s", ratioAtLeast(0.9))
}

// series measures a month of half hours of one meter against a constant answer of
// the same bytes.
func series(b *bench) []line {
	ours, slots := b.api(), b.sizes.seriesSlots
	from := b.past(slots/meter.SlotsPerDay + 1)
	t := ours.traffic(b.sizes.seriesMeters, from, slots+1) // the last one closes the last half hour
	ours.settle(t)
	c := b.against(ours, queryConnections,
		questions(t, "/get_readings", fmt.Sprintf("%s&page_size=%d", b.window(from, from+meter.Slot(slots)), slots)))
	for _, side := range [][]float64{c.floor, c.ours} {
		for i := range side {
			side[i] = 1000 / side[i] // of requests a second, milliseconds a request
		}
	}
	return c.lines(fmt.Sprintf("series of %d half hours, %d connections", slots, min(queryConnections, b.sizes.connectionsMax)),
		fmt.Sprintf("the same router answering a constant of as many bytes (%s)", caller.Grouped(c.bytes)), "ms each", ratioAtMost(1.5))
}

// compared is what came of the same requests to a floor and to ours.
type compared struct {
	pairs

	bytes                      int           // of an answer's body
	last                       throughput    // of ours in the last pair
	floorCPU, oursCPU, loadCPU time.Duration // a request: of the two servers and of the generator
}

// lines is one line, whose note tells what the ratio does not. The ratio by CPU is what
// it would be were the machine's CPUs all that requests wait for and nobody else's: it
// hardly depends on what others do meanwhile.
func (c compared) lines(what, floor, unit string, aim aim) []line {
	l := c.line(what, floor, unit, aim)
	byCPU := float64(c.floorCPU+c.loadCPU) / float64(max(c.oursCPU+c.loadCPU, 1))
	l.Note = fmt.Sprintf("a request took %s of CPU, %s of the floor's and %s of the generator's: a ratio of %s by CPU; latency of the last run: %s",
		latency.Short(c.oursCPU), latency.Short(c.floorCPU), latency.Short(c.loadCPU), number(byCPU), c.last.latency)
	return []line{l}
}

// against measures the requests of next over some connections, to ours and to a
// floor that gives one answer to all of them, in turn.
func (b *bench) against(ours *server, connections int, next func([]byte) []byte) (c compared) {
	answer, bytes := ours.answerTo(next(nil))
	ourSide := &side{server: ours, load: b.newLoad(ours.host, connections, next)}
	floor := b.floor(answer)
	floorSide := &side{server: floor, load: b.newLoad(floor.host, connections, next)}
	warm, slice := b.sizes.warm.duration(), b.sizes.slice.duration()
	inTurn(1, floorSide.rate(warm), ourSide.rate(warm))
	c = compared{pairs: inTurn(b.sizes.pairs, floorSide.rate(slice), ourSide.rate(slice)), bytes: bytes}
	c.last, c.floorCPU, c.oursCPU, c.loadCPU = ourSide.last, floorSide.each(floorSide.cpu), ourSide.each(ourSide.cpu), ourSide.each(ourSide.loadCPU)
	return c
}

// side is a server and the load on it.
type side struct {
	server   *server
	load     *load
	last     throughput
	requests int64

	cpu, loadCPU time.Duration // of the server and of the generator, for all requests
}

// rate returns what measures requests a second.
func (s *side) rate(d time.Duration) func() float64 {
	return func() float64 {
		before, loadBefore := cpuOf(s.server.program.PID()), ownCPU()
		s.last = s.load.run(d)
		s.cpu += cpuOf(s.server.program.PID()) - before
		s.loadCPU += ownCPU() - loadBefore
		s.requests += s.last.requests
		return s.last.perSecond()
	}
}

// each returns a request's part of the CPU time for all.
func (s *side) each(cpu time.Duration) time.Duration { return cpu / time.Duration(max(s.requests, 1)) }
