package main

import (
	"context"
	"errors"
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

// series measures a month of half hours of one meter against a constant answer of the same bytes.
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

// lines is one line, whose note tells what the ratio does not. The ratio by CPU is what it would be were
// the machine's CPUs all that requests wait for and nobody else's: it hardly depends on what others do
// meanwhile.
func (c compared) lines(what, floor, unit string, aim aim) []line {
	l := c.line(what, floor, unit, aim)
	floorCPU, oursCPU, loadCPU := c.floor.each(c.floor.cpu), c.ours.each(c.ours.cpu), c.ours.each(c.ours.loadCPU)
	l.Note = fmt.Sprintf("a request took %s of CPU, %s of the floor's and %s of the generator's: a ratio of %s by CPU; latency of the last run: %s",
		latency.Short(oursCPU), latency.Short(floorCPU), latency.Short(loadCPU),
		number(float64(floorCPU+loadCPU)/float64(max(oursCPU+loadCPU, 1))), c.ours.last.latency)
	return []line{l}
}

// against measures the requests of next over some connections, to ours and to a floor that gives one
// answer to all of them, in turn.
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

// bulk measures bodies of CSV from one client against the same bytes read, split into fields and thrown
// away. Each run posts one body of new readings.
func bulk(b *bench) []line {
	ours, floor := b.api(), b.floor(noAnswer)
	slots, runs := b.sizes.bulkSlots, b.sizes.bulkRuns
	t := ours.traffic(b.sizes.bulkMeters, b.past(30), slots*runs)
	ours.register(t)
	rows := b.sizes.bulkMeters * slots
	var p pairs
	var csv []byte
	rate := func(s *server) func() float64 {
		return func() float64 {
			c := &caller.Caller{Host: s.host, Impatient: true}
			defer c.Close()
			started := time.Now()
			try.E(postBody(b.ctx, c, csv, rows))
			return float64(rows) / time.Since(started).Seconds()
		}
	}
	for run := range runs {
		csv = csvBody(csv, t, run*rows, (run+1)*rows)
		one := inTurn(1, rate(floor), rate(ours))
		p.floor, p.ours = append(p.floor, one.floor...), append(p.ours, one.ours...)
	}
	l := p.line(fmt.Sprintf("bulk CSV, durable, %s meters x %d slots, one client", caller.Grouped(b.sizes.bulkMeters), slots),
		"the same bytes read and split into fields by the server, thrown away", "rows/s", ratioAtLeast(0.5))
	return []line{l, {What: "the same, rows/s", Ours: l.Ours, aim: atLeast(3e6, "rows/s")}}
}

// queryUnderBulk measures how long queries wait that come at a steady rate, alone and while one client
// sends bulk bodies as fast as they are taken.
func queryUnderBulk(b *bench) []line {
	const days = 200 // more than is sent, however fast
	ours, from := b.api(), b.past(days)
	all := ours.traffic(b.sizes.bulkMeters, from, days*meter.SlotsPerDay)
	ours.register(all)
	const ahead = meter.SlotsPerDay + 1 // the day that is asked for
	ours.fill(all.Part(0, ahead))
	queries := b.newLoad(ours, queryConnections, b.consumptions(all, from))
	queries.rate = b.sizes.queryRate
	beside := &background{server: ours, traffic: all.Part(ahead, all.Slots-ahead)}
	slice := b.sizes.slice.duration()
	queries.run(b.sizes.warm.duration())
	var under latency.Summary
	p := inTurn(b.sizes.pairs,
		func() float64 { return milliseconds(queries.run(slice).latency.P99) },
		func() float64 {
			stop := beside.start(b.ctx)
			under = queries.run(slice).latency
			try.E(stop())
			return milliseconds(under.P99)
		})
	l := p.line("query p99 while bulk ingest runs", fmt.Sprintf("the p99 of the same %d queries/s alone", b.sizes.queryRate), "ms", ratioAtMost(3))
	l.Note = fmt.Sprintf("bulk went on at %s rows/s; latency of the last run beside it: %s", number(float64(beside.sent)/beside.took.Seconds()), under)
	return []line{l}
}

// background sends bulk bodies as fast as they are taken, with pauses.
type background struct {
	server  *server
	traffic *households.Traffic
	sent    int           // readings
	took    time.Duration // the pauses not counted
}

// start begins to send where it stopped before. The function it returns stops it.
func (g *background) start(ctx context.Context) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	rows := g.traffic.Meters.Len()
	left := g.traffic.Part(g.sent/rows, g.traffic.Slots-g.sent/rows)
	var sending sync.WaitGroup
	var sent int
	var err error
	started := time.Now()
	sending.Go(func() { sent, err = g.server.sendAll(ctx, left, rows) })
	return func() error {
		cancel()
		sending.Wait()
		g.took += time.Since(started)
		g.sent += sent
		switch {
		case err == nil && sent == 0:
			err = errors.New("no bulk body was taken meanwhile")
		case err == nil && sent == left.Len():
			err = errors.New("the readings to send ran out")
		}
		return err
	}
}

// burst measures how long it takes until every meter's reading of one half hour is acknowledged, all of
// them being due at once.
func burst(b *bench) []line {
	ours, slots, rows := b.api(), max(b.sizes.pairs, 2), b.sizes.burstRows
	t := ours.traffic(b.sizes.burstMeters, b.past(1), slots)
	ours.register(t)
	var runs []float64
	var bodies [manyConnections][]byte
	for slot := range slots {
		now := t.Part(slot, 1)
		started := time.Now()
		ours.each((now.Len()+rows-1)/rows, func(ctx context.Context, number int, c *caller.Caller, i int) error {
			n, m := i*rows, min((i+1)*rows, now.Len())
			bodies[number] = csvBody(bodies[number], now, n, m)
			return postBody(ctx, c, bodies[number], m-n)
		})
		runs = append(runs, time.Since(started).Seconds())
	}
	return []line{{
		What: fmt.Sprintf("half-hour burst: %s meters once each, 64 connections, bulk of %s",
			caller.Grouped(b.sizes.burstMeters), caller.Grouped(rows)),
		Ours: medianOf("s", runs), aim: aim{"every reading acknowledged", func(line) bool { return true }},
		Note: "a reading that was not acknowledged would have ended the run",
	}}
}
