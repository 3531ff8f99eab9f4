package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meterledger/internal/tools/latency"
)

// archiveLoad measures single posts while a month is archived against the same posts
// without.
func archiveLoad(ctx context.Context, b *bench) ([]line, error) {
	a, err := newArchiving(ctx, b)
	if err != nil {
		return nil, err
	}
	connections := min(snapshotConnections, b.sizes.connectionsMax)
	posting, err := b.newLoad(ctx, a.server.host, connections, posts(a.live))
	if err != nil {
		return nil, err
	}
	var rates, p99s pairs
	var beside latency.Summary
	for len(a.months) > 0 {
		without, err := posting.run(ctx, b.sizes.slice.duration())
		if err != nil {
			return nil, err
		}
		with, err := a.besideArchiving(ctx, posting)
		if err != nil {
			return nil, err
		}
		beside = with.latency
		rates.floor, rates.ours = append(rates.floor, without.perSecond()), append(rates.ours, with.perSecond())
		p99s.floor, p99s.ours = append(p99s.floor, milliseconds(without.latency.P99)), append(p99s.ours, milliseconds(with.latency.P99))
	}
	what := fmt.Sprintf("single POST while a month is archived, %d connections", connections)
	first := rates.line(what, "the same without", "/s", ratioAtLeast(0.8))
	second := p99s.line(what+", p99", "the same without", "ms", ratioAtMost(2))
	second.Note = "latency of the last run: " + beside.String()
	return []line{first, second}, nil
}

// besideArchiving measures posts from the start to the end of a month's archiving.
func (a *archivingAPI) besideArchiving(ctx context.Context, posting *load) (throughput, error) {
	ended := make(chan error, 1)
	go func() {
		_, _, _, err := a.archive(ctx)
		ended <- err
		posting.stop()
	}()
	got, err := posting.run(ctx, time.Hour)
	return got, errors.Join(err, <-ended)
}
