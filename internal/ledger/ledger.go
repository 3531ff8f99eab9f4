package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/archive"
	"meterledger/internal/durable"
	"meterledger/internal/journal"
	"meterledger/internal/meter"
	"meterledger/internal/snapshot"
	"meterledger/internal/store"
)

// Options says where a ledger lives and what it lives by.
type Options struct {
	FS         vfs.FS
	DataDir    string
	ArchiveDir string
	Zone       *meter.Zone
	Now        func() time.Time
	Log        *slog.Logger
	Holder     string         // who this is, for a second program that wants the same folder
	Progress   func(Progress) // called while the state is brought back; nil for nobody

	// SnapshotBytes is after how many bytes of journal a snapshot is taken; 0 is never.
	SnapshotBytes int64
	// SnapshotEvery is after how much time one is taken where anything was written; 0 is never.
	SnapshotEvery time.Duration
	// DiskFreeMin is how many bytes must be free on the data folder's disk for
	// readings and registrations to be taken, and on the archive folder's for a file
	// to be written.
	DiskFreeMin uint64
	// ArchiveCompress has archives written as zstd. They are read in either form.
	ArchiveCompress bool
	// Version is the program's, for the manifests of archives.
	Version string
}

// Ledger is the open system of record.
type Ledger struct {
	zone    *meter.Zone
	now     func() time.Time
	log     *slog.Logger
	locks   []*durable.Lock // on the folders
	journal *journal.Journal
	store   *store.Store
	archive *archive.Folder

	committer *committer
	metrics   *metrics
	singles   batchPool     // of single readings, which are all alike
	batches   batchPool     // of those of a Bulk
	asked     atomic.Uint64 // questions and single readings so far, give or take
	rush      rush          // of them
	snapshots snapshotter
	space     *space

	archiveSpace *space // of the archive folder's disk
	version      string

	incarnation uint64        // of this process, drawn
	holds       atomic.Uint64 // taken so far

	runs runs
}

// Open takes the data folder, brings its state back and starts to receive. It
// returns an error where the folder is in use, damaged, or of another time zone,
// and when ctx is done before the state is back.
func Open(ctx context.Context, o Options) (*Ledger, error) {
	locks, err := lockFolders(o)
	if err != nil {
		return nil, err
	}
	l := &Ledger{
		zone: o.Zone, now: o.Now, log: o.Log, locks: locks,
		incarnation: rand.Uint64(), runs: runs{last: make(map[Kind]*Run)},
		space:        &space{fs: o.FS, folder: o.DataDir, min: o.DiskFreeMin, log: o.Log},
		archiveSpace: &space{fs: o.FS, folder: o.ArchiveDir, min: o.DiskFreeMin, log: o.Log},
		version:      o.Version,
		metrics:      newMetrics(),
	}
	l.rush.count = &l.asked
	if err := l.open(ctx, o); err != nil {
		return nil, errors.Join(err, l.unlock())
	}
	return l, nil
}

func (l *Ledger) open(ctx context.Context, o Options) (err error) {
	version, err := checkFormat(o.FS, o.DataDir, o.Zone)
	if err != nil {
		return err
	}
	if l.archive, err = archive.OpenFolder(o.FS, o.ArchiveDir, o.Zone); err != nil {
		return err
	}
	l.archive.Compress = o.ArchiveCompress
	folder := o.FS.PathJoin(o.DataDir, "journal")
	if version != unsigned && !journal.Exists(o.FS, folder) {
		return fmt.Errorf("%s has lost its journal: put back a copy of the data folder or choose an empty one", o.DataDir)
	}
	snapshots, err := snapshot.OpenFolder(o.FS, o.FS.PathJoin(o.DataDir, "snapshots"))
	if err != nil {
		return err
	}
	if l.journal, err = journal.Open(o.FS, folder, o.Log); err != nil {
		return err
	}
	r := &recovery{ctx: ctx, journal: l.journal, snapshots: snapshots, log: o.Log, report: o.Progress}
	if err := errors.Join(l.signOnce(o, version), r.run()); err != nil {
		return errors.Join(err, l.journal.Close())
	}
	l.store = r.store
	l.snapshots = snapshotter{
		l: l, folder: snapshots, every: o.SnapshotEvery,
		growth: growth{due: make(chan struct{}, 1), limit: o.SnapshotBytes, unsaved: r.replayed},
	}
	if r.from > 0 {
		l.snapshots.good = []uint64{r.from}
	}
	l.rememberRuns()
	l.hintAtArchives()
	l.snapshots.growth.size.Store(r.size)
	l.committer = newCommitter(newAlone(l.journal, l.metrics), l.store, l.journal.End(), l.space, &l.snapshots.growth)
	l.committer.start()
	if err := l.begin(ctx); err != nil {
		l.committer.stop()
		return errors.Join(err, l.journal.Close())
	}
	l.snapshots.start()
	return nil
}

// begin has entries judged by the newest rules, and lifts the hold of a run that was
// cut off with the process.
func (l *Ledger) begin(ctx context.Context) error {
	if l.store.Level() < store.LevelNewest {
		if _, err := l.ask(ctx, store.AppendLevel(nil, store.LevelNewest)); err != nil {
			return err
		}
	}
	hold, stands := l.store.Hold()
	if !stands {
		return nil
	}
	l.log.Info("a run of maintenance was cut off; the next one does it again")
	_, err := l.ask(ctx, store.AppendFree(nil, hold.ID))
	return err
}

// signOnce signs a data folder as soon as it has a journal, and never one that has
// been in use. One of an older format gets the present one.
func (l *Ledger) signOnce(o Options, version int) error {
	if version == formatVersion {
		return nil
	}
	if version == unsigned && l.journal.Last() > 0 {
		return fmt.Errorf("%s has a journal but has lost its file %s: put it back from a copy of the data folder", o.DataDir, formatName)
	}
	return sign(o.FS, o.DataDir, o.Zone)
}

// Failed is closed when the journal can no longer be written. Nothing is
// acknowledged from then on, and the program has to end.
func (l *Ledger) Failed() <-chan struct{} { return l.committer.order.failed() }

// Failure says why, once Failed is closed.
func (l *Ledger) Failure() error { return l.committer.order.failure() }

// Close waits for what was accepted and for a running maintenance step, takes a
// last snapshot and gives the data folder up. Nothing may be sent to the ledger any
// more.
func (l *Ledger) Close() error {
	l.runs.stop()
	l.snapshots.stop()
	l.committer.stop()
	if l.Failure() == nil {
		if err := l.snapshots.take(context.Background()); err != nil {
			l.log.Error("no last snapshot could be taken; the next start replays the journal", "error", err)
		}
	}
	return errors.Join(l.journal.Close(), l.unlock())
}

// lockFolders takes the data folder and the archive for this ledger alone.
func lockFolders(o Options) (locks []*durable.Lock, err error) {
	if err := durable.MakeFolder(o.FS, o.DataDir); err != nil {
		return nil, err
	}
	if err := durable.MakeFolder(o.FS, o.ArchiveDir); err != nil {
		return nil, err
	}
	data, err := durable.LockFolder(o.FS, o.DataDir, o.Holder)
	if err != nil {
		return nil, fmt.Errorf("%w: stop that program or choose another folder with -data-dir or DATA_DIR", err)
	}
	archive, err := durable.LockFolder(o.FS, o.ArchiveDir, o.Holder)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: stop that program or choose another folder with -archive-dir or ARCHIVE_DIR", err), data.Release())
	}
	return []*durable.Lock{data, archive}, nil
}

func (l *Ledger) unlock() error {
	var err error
	for _, lock := range l.locks {
		err = errors.Join(err, lock.Release())
	}
	return err
}

// Zone returns the time zone of the ledger.
func (l *Ledger) Zone() *meter.Zone { return l.zone }

// Now returns the ledger's idea of the present.
func (l *Ledger) Now() time.Time { return l.now() }

// find finds a meter that somebody asks for.
func (l *Ledger) find(id meter.ID) (store.Meter, error) {
	l.asked.Add(1)
	m, ok := l.store.Lookup(id)
	if !ok {
		return m, meter.UnknownMeter(id)
	}
	return m, nil
}
