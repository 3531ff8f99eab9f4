package main

import (
	"fmt"
	"net/url"
	"sync/atomic"

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
	for _, side := range [][]float64{c.pairs.floor, c.pairs.ours} {
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

	bytes       int // of an answer's body
	floor, ours *load
}

// lines is one line, whose note tells what the ratio does not. The ratio by CPU is what
// it would be were the machine's CPUs all that requests wait for and nobody else's: it
// hardly depends on what others do meanwhile.
func (c compared) lines(what, floor, unit string, aim aim) []line {
	l := c.line(what, floor, unit, aim)
	floorCPU, oursCPU, loadCPU := c.floor.each(c.floor.cpu), c.ours.each(c.ours.cpu), c.ours.each(c.ours.loadCPU)
	l.Note = fmt.Sprintf("a request took %s of CPU, %s of the floor's and %s of the generator's: a ratio of %s by CPU; latency of the last run: %s",
		latency.Short(oursCPU), latency.Short(floorCPU), latency.Short(loadCPU),
		number(float64(floorCPU+loadCPU)/float64(max(oursCPU+loadCPU, 1))), c.ours.last.latency)
	return []line{l}
}

// against measures the requests of next over some connections, to ours and to a
// floor that gives one answer to all of them, in turn.
func (b *bench) against(ours *server, connections int, next func([]byte) []byte) compared {
	answer, bytes := ours.answerTo(next(nil))
	c := compared{bytes: bytes, ours: b.newLoad(ours, connections, next), floor: b.newLoad(b.floor(answer), connections, next)}
	rates := func(n int, each seconds) pairs {
		return inTurn(n, func() float64 { return c.floor.run(each.duration()).perSecond() }, func() float64 { return c.ours.run(each.duration()).perSecond() })
	}
	rates(1, b.sizes.warm)
	c.pairs = rates(b.sizes.pairs, b.sizes.slice)
	return c
}
