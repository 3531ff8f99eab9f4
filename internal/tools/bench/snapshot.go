package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"meterledger/internal/meter"
)

const snapshotConnections = 256

// tinySnapshots makes the api take one snapshot after another.
var tinySnapshots = []string{"SNAPSHOT_SIZE=1MiB", "SNAPSHOT_INTERVAL=1s"}

// snapshots measures single posts to an api that takes snapshots all the time
// against one that takes them as it does by default.
func snapshots(ctx context.Context, b *bench) ([]line, error) {
	connections := min(snapshotConnections, b.sizes.connectionsMax)
	l := line{
		What: fmt.Sprintf("single POST while snapshots are taken, %d connections", connections), aim: ratioAtLeast(0.9),
		FloorIs: "the same posts to an api that takes no snapshot meanwhile",
	}
	takes, err := b.knows(ctx, "-snapshot-interval")
	if err != nil {
		return nil, err
	}
	if !takes {
		l.Note = "not measured: this api has no -snapshot-interval"
		return []line{l}, nil
	}
	without, err := b.posting(ctx, connections, "SNAPSHOT_INTERVAL=24h")
	if err != nil {
		return nil, err
	}
	with, err := b.posting(ctx, connections, tinySnapshots...)
	if err != nil {
		return nil, err
	}
	measured, err := inTurn(b.sizes.pairs, without, with)
	if err != nil {
		return nil, err
	}
	return []line{measured.line(l.What, l.FloorIs, "/s", l.aim)}, nil
}

// knows reports whether the api has a setting.
func (b *bench) knows(ctx context.Context, flag string) (bool, error) {
	help, err := exec.CommandContext(ctx, filepath.Join(b.bin, "api"), "-h").Output()
	if err != nil {
		return false, fmt.Errorf("asking the api for its settings: %w", err)
	}
	return strings.Contains(string(help), "  "+flag+" "), nil
}

// posting starts an api with some settings and readings, and returns what measures
// single posts a second to it.
func (b *bench) posting(ctx context.Context, connections int, env ...string) (func() (float64, error), error) {
	server, err := b.api(ctx, env...)
	if err != nil {
		return nil, err
	}
	const slots = 30 * meter.SlotsPerDay
	t, err := server.traffic(b.sizes.snapshotMeters, b.past(30), slots)
	if err != nil {
		return nil, err
	}
	if err := server.register(ctx, t); err != nil {
		return nil, err
	}
	there := b.sizes.snapshotSlots
	if err := server.fill(ctx, t.Part(0, there)); err != nil {
		return nil, err
	}
	l, err := b.newLoad(ctx, server.host, connections, posts(t.Part(there, slots-there)))
	return func() (float64, error) {
		got, err := l.run(ctx, b.sizes.slice.duration())
		return got.perSecond(), err
	}, err
}
