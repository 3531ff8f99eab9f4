package main

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dsnet/try"

	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/households"
	"meterledger/internal/tools/latency"
)

const queryConnections = 64

// posts returns what writes the posts of a traffic's readings, one after another, each once.
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

// single measures posts of one reading each.
func (b *bench) single(connections int, aim aim) []line {
	ours := b.api()
	t := ours.traffic(b.sizes.singleMeters, b.past(30), 30*meter.SlotsPerDay)
	ours.register(t)
	return b.againstConstant("single POST, durable", ours, connections, posts(t), "/s", throughput.perSecond, aim)
}

// consumption measures get_consumption.
func consumption(b *bench) []line {
	ours, from := b.api(), b.past(2)
	t := ours.traffic(b.sizes.consumptionMeters, from, 2*meter.SlotsPerDay)
	ours.settle(t)
	return b.againstConstant("get_consumption of a day", ours, queryConnections, b.consumptions(t, from), "/s", throughput.perSecond, ratioAtLeast(0.9))
}

// series measures a month of half hours of one meter.
func series(b *bench) []line {
	ours, slots := b.api(), b.sizes.seriesSlots
	from := b.past(slots/meter.SlotsPerDay + 1)
	t := ours.traffic(b.sizes.seriesMeters, from, slots+1) // the last one closes the last half hour
	ours.settle(t)
	next := questions(t, "/get_readings", fmt.Sprintf("%s&page_size=%d", b.window(from, from+meter.Slot(slots)), slots))
	return b.againstConstant(fmt.Sprintf("series of %d half hours", slots), ours, queryConnections, next,
		"ms each", throughput.millisecondsEach, ratioAtMost(1.5))
}

// againstConstant measures the requests of next over some connections, to ours and to a floor that gives
// one answer to all of them, in turn. The note tells what the ratio does not: the ratio by CPU is what it
// would be if requests waited for nothing but the machine's CPUs, and nobody else used them.
func (b *bench) againstConstant(what string, ours *server, connections int, next func([]byte) []byte, unit string, figure func(throughput) float64, aim aim) []line {
	answer, bytes := ours.answerTo(next(nil))
	our, floor := b.newLoad(ours, connections, next), b.newLoad(b.floor(answer), connections, next)
	measure := func(n int, each time.Duration) pairs {
		return inTurn(n, func() float64 { return figure(floor.run(each)) }, func() float64 { return figure(our.run(each)) })
	}
	measure(1, b.sizes.warm)
	l := measure(b.sizes.pairs, b.sizes.slice).line(fmt.Sprintf("%s, %d connections", what, b.connections(connections)),
		fmt.Sprintf("the same router answering a constant of as many bytes (%s)", caller.Grouped(bytes)), unit, aim)
	floorCPU, ourCPU, loadCPU := floor.each(floor.cpu), our.each(our.cpu), our.each(our.loadCPU)
	l.Note = fmt.Sprintf("a request took %s of CPU, %s of the floor's and %s of the generator's: a ratio of %s by CPU; latency of the last slice: %s",
		latency.Short(ourCPU), latency.Short(floorCPU), latency.Short(loadCPU),
		number(float64(floorCPU+loadCPU)/float64(max(ourCPU+loadCPU, 1))), our.last)
	return []line{l}
}

// queryUnderBulk measures queries at a steady rate, alone and while a client sends bulk at full speed.
func queryUnderBulk(b *bench) []line {
	const days = 200 // more than is sent, however fast
	ours, from := b.api(), b.past(days)
	all := ours.traffic(b.sizes.bulkMeters, from, days*meter.SlotsPerDay)
	ours.register(all)
	const ahead = 2 * meter.SlotsPerDay // there is something to ask for
	ours.fill(all.Part(0, ahead))
	queries := b.newLoad(ours, queryConnections, b.consumptions(all, from))
	queries.rate = b.sizes.queryRate
	slice := b.sizes.slice
	queries.run(b.sizes.warm)
	rest := all.Part(ahead, all.Slots-ahead)
	var sent int
	var took time.Duration
	var under throughput
	p := inTurn(b.sizes.pairs,
		func() float64 { return milliseconds(queries.run(slice).P99) },
		func() float64 {
			slots := sent / rest.Meters.Len()
			stop := ours.fillUntilStopped(rest.Part(slots, rest.Slots-slots))
			started := time.Now()
			under = queries.run(slice)
			sent += stop()
			took += time.Since(started)
			return milliseconds(under.P99)
		})
	l := p.line("query p99 while bulk ingest runs", fmt.Sprintf("the p99 of the same %d queries/s alone", b.sizes.queryRate), "ms", ratioAtMost(3))
	l.Note = fmt.Sprintf("bulk went on at %s rows/s; latency of the last slice beside it: %s", number(float64(sent)/took.Seconds()), under)
	return []line{l}
}

// fillUntilStopped sends half hours in bulk until stop is called, which tells how many readings were sent.
func (s *server) fillUntilStopped(t *households.Traffic) (stop func() int) {
	ctx, cancel := context.WithCancel(s.b.ctx)
	var sending sync.WaitGroup
	var sent int
	var err error
	sending.Go(func() { sent, err = s.sendAll(ctx, t, t.Meters.Len()) })
	return func() int {
		cancel()
		sending.Wait()
		if err == nil && (sent == 0 || sent == t.Len()) {
			err = fmt.Errorf("%d of %d readings were sent in bulk meanwhile: there must be some, and some left", sent, t.Len())
		}
		try.E(err)
		return sent
	}
}
