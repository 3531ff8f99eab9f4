package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"meterledger/internal/tools/latency"
	"meterledger/internal/tools/traffic"
	"meterledger/internal/tools/wire"
)

// bulk measures bodies of CSV from one client against the same bytes read, split
// into fields and thrown away. Each run posts one body of new readings.
func bulk(ctx context.Context, b *bench) ([]line, error) {
	ours, err := b.api(ctx)
	if err != nil {
		return nil, err
	}
	floor, err := b.floor(ctx, answer{})
	if err != nil {
		return nil, err
	}
	slots, runs := b.sizes.bulkSlots, b.sizes.bulkRuns
	t, err := ours.traffic(b.sizes.bulkMeters, b.past(30), slots*runs)
	if err != nil {
		return nil, err
	}
	if err := ours.register(ctx, t); err != nil {
		return nil, err
	}
	rows := b.sizes.bulkMeters * slots
	var p pairs
	var csv []byte
	for run := range runs {
		csv = csvBody(csv, t, run*rows, (run+1)*rows)
		one, err := inTurn(1, postTime(ctx, floor, t, csv, rows), postTime(ctx, ours, t, csv, rows))
		if err != nil {
			return nil, err
		}
		p.floor, p.ours = append(p.floor, one.floor...), append(p.ours, one.ours...)
	}
	l := p.line(fmt.Sprintf("bulk CSV, durable, %s meters x %d slots, one client", count(b.sizes.bulkMeters), slots),
		"the same bytes read and split into fields by the server, thrown away", "rows/s", ratioAtLeast(0.5))
	absolute := line{What: "the same, rows/s", Ours: l.Ours, aim: atLeast(3e6, "rows/s")}
	return []line{l, absolute}, nil
}

// postTime returns what posts a body over a new connection, in rows a second.
func postTime(ctx context.Context, s *server, t *traffic.Traffic, csv []byte, rows int) func() (float64, error) {
	return func() (float64, error) {
		c, err := wire.Dial(ctx, s.host)
		if err != nil {
			return 0, err
		}
		defer c.Close()
		started := time.Now()
		err = postBody(c, t, csv, rows)
		return float64(rows) / time.Since(started).Seconds(), err
	}
}

// queryUnderBulk measures how long queries wait that come at a steady rate, alone
// and while one client sends bulk bodies as fast as they are taken.
func queryUnderBulk(ctx context.Context, b *bench) ([]line, error) {
	ours, err := b.api(ctx)
	if err != nil {
		return nil, err
	}
	const days = 200 // more than is sent, however fast
	from := b.past(days)
	all, err := ours.traffic(b.sizes.bulkMeters, from, days*48)
	if err != nil {
		return nil, err
	}
	if err := ours.register(ctx, all); err != nil {
		return nil, err
	}
	ahead := all.Part(0, 48+1) // the day that is asked for
	if err := ours.fill(ctx, ahead); err != nil {
		return nil, err
	}
	queries, err := b.newLoad(ctx, ours.host, min(queryConnections, b.sizes.connectionsMax), b.consumptions(all, from))
	if err != nil {
		return nil, err
	}
	queries.rate = b.sizes.queryRate
	background := &background{server: ours, traffic: all.Part(48+1, days*48-48-1)}
	slice := b.sizes.slice.duration()
	var under latency.Summary
	p, err := inTurn(b.sizes.pairs, func() (float64, error) {
		alone, err := queries.run(ctx, slice)
		return milliseconds(alone.latency.P99), err
	}, func() (float64, error) {
		stop := background.start(ctx)
		beside, err := queries.run(ctx, slice)
		under = beside.latency
		return milliseconds(beside.latency.P99), errors.Join(err, stop())
	})
	if err != nil {
		return nil, err
	}
	l := p.line("query p99 while bulk ingest runs", fmt.Sprintf("the p99 of the same %d queries/s alone", b.sizes.queryRate), "ms", ratioAtMost(3))
	l.Note = fmt.Sprintf("bulk went on at %s rows/s; latency of the last run beside it: %s", number(background.rate()), under)
	return []line{l}, nil
}

// background sends bulk bodies as fast as they are taken, with pauses.
type background struct {
	server  *server
	traffic *traffic.Traffic
	sent    int // readings
	took    time.Duration
}

// start begins to send where it stopped before. The function it returns stops it.
func (g *background) start(ctx context.Context) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	var sending sync.WaitGroup
	var err error
	started, from := time.Now(), g.sent
	sending.Go(func() { err = g.send(ctx) })
	return func() error {
		cancel()
		sending.Wait()
		g.took += time.Since(started)
		if err == nil && g.sent == from {
			err = errors.New("no bulk body was taken meanwhile")
		}
		return err
	}
}

func (g *background) send(ctx context.Context) error {
	c, err := wire.Dial(ctx, g.server.host)
	if err != nil {
		return err
	}
	defer c.Close()
	t := g.traffic
	for b := range bodies(ctx, t.Part(g.sent/t.Meters.Len(), t.Slots-g.sent/t.Meters.Len()), t.Meters.Len()) {
		if err := postBody(c, t, b.csv, b.rows); err != nil {
			return err
		}
		g.sent += b.rows
		b.handBack()
		if ctx.Err() != nil {
			return nil
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return errors.New("the readings to send ran out")
}

// rate is how many readings were sent a second, the pauses not counted.
func (g *background) rate() float64 { return float64(g.sent) / g.took.Seconds() }
