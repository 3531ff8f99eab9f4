package node_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/closing"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/metric"
	"meterledger/internal/node"
)

// now is the present of most tests: late in November 2026, a Monday.
var now = time.Date(2026, time.November, 23, 2, 10, 0, 0, time.UTC)

func loadZone(t testing.TB, name string) *meter.Zone {
	t.Helper()
	zone, err := meter.LoadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// bench is a ledger on a file system of its own, which can be closed and opened again.
type bench struct {
	*node.Node
	t    testing.TB
	fs   vfs.FS
	zone *meter.Zone
	now  time.Time

	steady        func() time.Time
	snapshotBytes int64
	snapshotEvery time.Duration
	diskFreeMin   uint64
	diskSlow      time.Duration
	memoryLimit   uint64
	compress      bool
	refusalsMax   uint32
	metersMax     uint32
	metrics       *metric.Set
	shared        *ledger.Shared
	loading       func() (loaded func())
}

func newBench(t testing.TB, zone string) *bench {
	t.Helper()
	b := &bench{t: t, fs: vfs.NewMem(), zone: loadZone(t, zone), now: now, refusalsMax: 1_000_000}
	b.open()
	return b
}

func (b *bench) options() node.Options {
	return node.Options{
		FS: b.fs, DataDir: "data", ArchiveDir: "Archive", BackupDir: "backup", Zone: b.zone,
		Now: func() time.Time { return b.now }, Steady: b.steady, Log: slog.New(slog.DiscardHandler), Holder: "a test",
		SnapshotBytes: b.snapshotBytes, SnapshotEvery: b.snapshotEvery, DiskFreeMin: b.diskFreeMin, DiskSlow: b.diskSlow, MemoryLimit: b.memoryLimit,
		Version: "test", ArchiveCompress: b.compress, RefusalsMax: b.refusalsMax, MetersMax: b.metersMax, Metrics: b.metrics, Shared: b.shared, Loading: b.loading,
	}
}

func (b *bench) open() {
	b.t.Helper()
	l, err := node.Open(context.Background(), b.options())
	if err != nil {
		b.t.Fatal(err)
	}
	b.Node = l
}

func (b *bench) close() {
	b.t.Helper()
	if err := b.Node.Close(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) restart() {
	b.t.Helper()
	b.close()
	b.open()
}

func (b *bench) register(ids ...meter.ID) {
	b.t.Helper()
	for _, id := range ids {
		if err := b.Register(context.Background(), id, "Owner of "+string(id), "1 Road"); err != nil {
			b.t.Fatal(err)
		}
	}
}

// reading makes a reading from texts.
func (b *bench) reading(id meter.ID, stamp, register string) meter.Reading {
	b.t.Helper()
	slot, err := b.zone.ParseSlot("timestamp", stamp)
	if err != nil {
		b.t.Fatal(err)
	}
	return meter.Reading{Meter: id, Slot: slot, Register: kwh(b.t, register)}
}

func kwh(t fataler, s string) meter.Register {
	t.Helper()
	k, err := meter.ParseRegister(s)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return k
}

// record sends one reading and returns the code of its refusal, or "".
func (b *bench) record(id meter.ID, stamp, register string) meter.Code {
	b.t.Helper()
	_, err := b.Record(context.Background(), b.reading(id, stamp, register))
	return code(b.t, err)
}

func code(t fataler, err error) meter.Code {
	t.Helper()
	var known *meter.Error
	if err != nil && !errors.As(err, &known) {
		t.Fatalf("unexpected error: %v", err)
	}
	if err == nil {
		return ""
	}
	return known.Code
}

// readings returns a meter's readings within a window.
func (b *bench) readings(t fataler, id meter.ID, w meter.Window) []meter.Point {
	t.Helper()
	months, err := b.Readings(id, w)
	if err != nil {
		t.Fatal(err)
	}
	var all []meter.Point
	for points, err := range months {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, points...)
	}
	return all
}

// maintain returns a run that has ended, or that was refused.
func (b *bench) maintain(q closing.Request) *closing.Run {
	b.t.Helper()
	run, err := b.Start(q)
	if err != nil {
		return &closing.Run{Err: err}
	}
	<-run.Done()
	return run
}

// fataler is what a test and a property have in common.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}
