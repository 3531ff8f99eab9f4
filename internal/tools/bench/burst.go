package main

import (
	"context"
	"fmt"
	"time"
)

// burst measures how long it takes until every meter's reading of one half hour is
// acknowledged, all of them being due at once.
func burst(ctx context.Context, b *bench) ([]line, error) {
	ours, err := b.api(ctx)
	if err != nil {
		return nil, err
	}
	slots := max(b.sizes.pairs, 2)
	t, err := ours.traffic(b.sizes.burstMeters, b.past(1), slots)
	if err != nil {
		return nil, err
	}
	if err := ours.register(ctx, t); err != nil {
		return nil, err
	}
	var runs []float64
	for slot := range slots {
		started := time.Now()
		if err := ours.sendBodies(ctx, t.Part(slot, 1), b.sizes.burstRows); err != nil {
			return nil, err
		}
		runs = append(runs, time.Since(started).Seconds())
	}
	l := line{
		What: fmt.Sprintf("half-hour burst: %s meters once each, 64 connections, bulk of %s",
			count(b.sizes.burstMeters), count(b.sizes.burstRows)),
		Ours: medianOf("s", runs), aim: aim{"every reading acknowledged", func(line) bool { return true }},
		Note: "a reading that was not acknowledged would have ended the run",
	}
	return []line{l}, nil
}
