package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dsnet/try"

	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/households"
	"meterledger/internal/tools/latency"
)

// bulk measures bodies of CSV from one client against the same bytes read, split
// into fields and thrown away. Each run posts one body of new readings.
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

// queryUnderBulk measures how long queries wait that come at a steady rate, alone
// and while one client sends bulk bodies as fast as they are taken.
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

// burst measures how long it takes until every meter's reading of one half hour is
// acknowledged, all of them being due at once.
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
