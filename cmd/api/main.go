// Command api receives meters' readings, keeps them, and answers what was used.
//
// It listens before it is ready: while it reads a snapshot and replays the journal, /readyz
// and all endpoints that need readings answer 503 and say how far it has come.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/api"
	"meterledger/internal/config"
	"meterledger/internal/httpkit"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/metric"
	"meterledger/internal/node"
	"meterledger/internal/pages"
	"meterledger/internal/rest"
)

func main() { config.Main(config.LoadAPI, run) }

func run(ctx context.Context, settings config.API, log *slog.Logger) error {
	if settings.Verify {
		return node.Verify(ctx, node.Options{
			FS: vfs.Default, DataDir: settings.DataDir, ArchiveDir: settings.ArchiveDir, Zone: settings.Timezone, Log: log,
		}, os.Stdout)
	}
	if settings.Cluster.Leave {
		return leave(ctx, settings, log)
	}
	listener, err := httpkit.Open(settings.Addr, "-addr", "API_ADDR", settings.Network, log)
	if err != nil {
		return err
	}
	if err := httpkit.ServeProfiler(ctx, settings.PprofAddr, log); err != nil {
		return errors.Join(err, listener.Close())
	}
	if settings.MemoryLimit > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(settings.MemoryLimit))
	}
	log.Info("listening", "addr", listener.Addr().String(), "docs", listener.URL("/docs"), "auth", settings.Auth,
		"hosts", httpkit.NewHosts(settings.Addr, settings.Hosts), "data_dir", settings.DataDir, "archive_dir", settings.ArchiveDir, "timezone", settings.Timezone.String(),
		"memory_limit_bytes", settings.MemoryLimit,
		"version", config.Version())
	return serve(ctx, settings, listener, log)
}

// serve starts the server with a closed gate, then opens the node, then the gate; it stops
// them in the reverse order.
func serve(ctx context.Context, settings config.API, listener *httpkit.Listener, log *slog.Logger) (err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var progress atomic.Pointer[fmt.Stringer]
	metrics := httpkit.NewMetrics()
	seat, err := openCluster(settings, metrics, log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, seat.Close()) }()
	hosts := httpkit.NewHosts(settings.Addr, settings.Hosts)
	door := newDoor(settings, log)
	program := httpkit.Program{Name: api.ProgramAPI, Log: log, Metrics: metrics, Hosts: hosts, Proxies: settings.TrustedProxies, SwaggerUI: rest.SwaggerUI()}
	if door != nil {
		program.Door = door
	}
	gate := httpkit.NewGate(program, func() string { return starting(progress.Load()) })
	served := make(chan error, 1)
	go func() { served <- httpkit.Serve(ctx, listener, gate, log) }()

	tell := func(how fmt.Stringer) { progress.Store(&how) }
	n, err := openNode(ctx, settings, listener, seat, log, metrics.Set, tell)
	if errors.Is(err, meter.ErrStopped) {
		log.Info("stopped before the start was complete")
		return <-served
	}
	if errors.Is(err, ledger.ErrTimezone) {
		err = &config.SettingError{Setting: "-timezone", Problem: err.Error()}
	}
	if err == nil {
		if err = openDoor(ctx, door, n, log); err != nil {
			err = errors.Join(err, n.Close())
		}
	}
	if err != nil {
		stop(err)
		return errors.Join(err, <-served)
	}
	router := rest.NewHandler(seat.join(rest.Options{
		Ledger: n.Ledger, Reader: n.Reader, Runs: n.Runs, Log: log, Metrics: metrics, Hosts: hosts, Proxies: settings.TrustedProxies,
		Door: program.Door, Audit: n.Audit, RateLimit: settings.RateLimit,
	}))
	pages.Mount(ctx, router, pages.Options{
		API: router, Reader: n.Reader, Metrics: metrics, Log: log, Guarded: door != nil, RateLimit: settings.RateLimit,
	})
	gate.Open(router)
	log.Info("ready", "receiving", n.Receiving())
	return runUntilStopped(ctx, stop, n, served, log)
}

func openNode(ctx context.Context, settings config.API, listener *httpkit.Listener, seat *clusterSeat, log *slog.Logger, metrics *metric.Set, tell func(fmt.Stringer)) (*node.Node, error) {
	if err := seat.reach(ctx, tell); err != nil {
		return nil, err
	}
	started := time.Now()
	return node.Open(ctx, node.Options{
		FS: vfs.Default, DataDir: settings.DataDir, ArchiveDir: settings.ArchiveDir, BackupDir: settings.BackupDir,
		Zone: settings.Timezone, Now: now, Log: log,
		Steady:   func() time.Time { return started.Add(time.Since(started)) }, // Since does not ask the clock, which may be set
		Holder:   fmt.Sprintf("process %d, listening on %s since %s", os.Getpid(), listener.Addr(), time.Now().Format(time.RFC3339)),
		Progress: func(p ledger.Progress) { tell(p) },
		Loading:  collectSeldom,

		SnapshotBytes: int64(settings.SnapshotSize), SnapshotEvery: settings.SnapshotInterval,
		DiskFreeMin: settings.DiskFreeMin, DiskSlow: settings.DiskSlow, MemoryLimit: settings.MemoryLimit, Closed: debug.FreeOSMemory,
		ReadingsFrom: settings.ReadingsFrom, RefusalsMax: settings.RefusalsMax, MetersMax: settings.MetersMax,
		Metrics: metrics, Version: config.Version(), ArchiveCompress: settings.ArchiveCompress,
		Shared: seat.shared(),
	})
}

// collectSeldom lets the heap grow to five times what was alive before it is collected, until end is called. It is for
// while a snapshot is read: nearly all that is allocated then stays, and a collection finds nothing.
func collectSeldom() (end func()) {
	const percent = 400
	before := debug.SetGCPercent(percent)
	if before < 0 || before > percent { // by GOGC
		debug.SetGCPercent(before)
	}
	return func() { debug.SetGCPercent(before) }
}

func starting(how *fmt.Stringer) string {
	if how == nil {
		return "the api is starting"
	}
	return fmt.Sprintf("the api is starting: %v", *how)
}

// runUntilStopped waits for the end: a signal, a server that failed, or a journal that can
// no longer be written.
func runUntilStopped(ctx context.Context, stop context.CancelCauseFunc, n *node.Node, served <-chan error, log *slog.Logger) error {
	select {
	case <-n.Failed():
		failure := n.Failure()
		log.Error("the program ends, because it cannot keep what it would accept", "error", failure)
		stop(failure)
		return afterFailure(failure, served)
	case err := <-served:
		return errors.Join(err, n.Close())
	case <-ctx.Done():
		log.Info("stopping: finishing what was accepted")
	}
	err := errors.Join(<-served, n.Close())
	if err == nil {
		log.Info("stopped")
	}
	return err
}

// answerMax is how long waiting requests may take to be answered after a failure.
const answerMax = 500 * time.Millisecond

// afterFailure returns failure soon, whatever is still running. It does not close the node,
// whose journal must not be written.
func afterFailure(failure error, served <-chan error) error {
	select {
	case err := <-served:
		return errors.Join(failure, err)
	case <-time.After(answerMax):
		return failure
	}
}
