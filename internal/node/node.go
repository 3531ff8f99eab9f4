// Package node joins the rooms of one api: the ledger that writes, the reader that
// answers, and the runs that archive. It takes the folders and gives them up.
package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/archive"
	"meterledger/internal/audit"
	"meterledger/internal/closing"
	"meterledger/internal/durable"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/metric"
	"meterledger/internal/query"
	"meterledger/internal/store"
)

// auditName is the folder of the audit log in the data folder.
const auditName = "audit"

// Options says what a node works with.
type Options struct {
	FS         vfs.FS
	DataDir    string
	ArchiveDir string
	Zone       *meter.Zone
	Now        func() time.Time
	Steady     func() time.Time // see closing.Options; may be nil
	Log        *slog.Logger
	Holder     string                 // the name of this program, for the error of a second one that wants a folder
	Progress   func(ledger.Progress)  // called while the state is brought back; may be nil
	Loading    func() (loaded func()) // see ledger.Options; may be nil

	SnapshotBytes int64         // see ledger.Options
	SnapshotEvery time.Duration // see ledger.Options
	// DiskFreeMin is how many bytes must be free on the data folder's disk for
	// readings and registrations to be taken, and on the archive folder's for a file
	// to be written.
	DiskFreeMin  uint64
	DiskSlow     time.Duration // see ledger.Options
	MemoryLimit  uint64        // see ledger.Options
	ReadingsFrom meter.Day     // see ledger.Options
	RefusalsMax  uint32        // see ledger.Options
	MetersMax    uint32        // see ledger.Options
	// Shared says how the node takes part in an order of several; nil for a node alone. The archive
	// folder is then that of all of them.
	Shared *ledger.Shared
	// ArchiveCompress makes runs write archives as zstd. They are read in either form.
	ArchiveCompress bool
	// Metrics is where the node adds what it counts and measures; nil for nobody.
	Metrics *metric.Set
	// BackupDir is the folder of backups.
	BackupDir string
	// Closed is called when a month was closed and memory is free again; nil for nobody.
	Closed func()
	// Version is the program's, for the manifests of archives.
	Version string
}

// Node is one api without its edges.
type Node struct {
	*ledger.Ledger
	*query.Reader
	*closing.Runs
	Audit *audit.Log

	locks  []*durable.Lock
	keeper *keeper // of a node of several
}

// Open takes the folders, brings the state back and starts to receive. It returns an
// error if a folder is in use, damaged, or of another time zone, and meter.ErrStopped when ctx is done
// before the state is back.
func Open(ctx context.Context, o Options) (*Node, error) {
	var n Node
	if err := n.lockFolders(o); err != nil {
		return nil, errors.Join(err, n.unlock())
	}
	if err := n.enter(ctx, &o); err != nil {
		return nil, errors.Join(stopped(ctx, err), n.unlock())
	}
	n.Audit = audit.Open(audit.Options{
		FS: o.FS, Folder: o.FS.PathJoin(o.DataDir, auditName), Zone: o.Zone, Now: o.Now, Log: o.Log, FreeMin: o.DiskFreeMin, Slow: o.DiskSlow,
	})
	if err := n.open(ctx, o); err != nil {
		n.keeper.stop()
		return nil, errors.Join(stopped(ctx, err), n.Audit.Close(), n.unlock())
	}
	return &n, nil
}

// stopped words an error with which a start ends once ctx is done.
func stopped(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx)) {
		err = errors.Join(meter.Stopped(ctx), err)
	}
	return err
}

// enter makes sure that the data folder belongs where it is started.
func (n *Node) enter(ctx context.Context, o *Options) error {
	if o.Shared == nil {
		return checkAlone(*o)
	}
	m, err := openMembership(ctx, *o)
	if err == nil {
		err = m.enter(ctx)
	}
	if err != nil {
		return err
	}
	n.keeper = m.keep()
	shared := *o.Shared
	shared.Engine, o.Shared = n.keeper, &shared
	return nil
}

func (n *Node) open(ctx context.Context, o Options) (err error) {
	var folder *archive.Folder
	n.Ledger, err = ledger.Open(ctx, ledger.Options{
		FS: o.FS, DataDir: o.DataDir, Zone: o.Zone, Now: o.Now, Log: o.Log, Progress: o.Progress, Loading: o.Loading,
		SnapshotBytes: o.SnapshotBytes, SnapshotEvery: o.SnapshotEvery, DiskFreeMin: o.DiskFreeMin, DiskSlow: o.DiskSlow,
		MemoryLimit: o.MemoryLimit, ReadingsFrom: o.ReadingsFrom, RefusalsMax: o.RefusalsMax, MetersMax: o.MetersMax, Metrics: o.Metrics, Shared: o.Shared,
		LateRows: func(s *store.Store, m store.Meter, month store.MonthSummary) ([]meter.Point, error) {
			return query.Archived(s, folder, n.confirm(o), m, month)
		},
	})
	if err != nil {
		return err
	}
	if folder, err = n.openArchive(o); err != nil {
		return errors.Join(err, n.Ledger.Close())
	}
	folder.Compress = o.ArchiveCompress
	n.Reader = query.New(n.Store(), folder, n.KeptZone(), o.Now, n.Asked)
	n.Reader.Confirm = n.confirm(o)
	name := ""
	if o.Shared != nil {
		name = o.Shared.Self.Name
	}
	n.Runs, err = closing.Open(ctx, closing.Options{
		Writer: n.Ledger, Store: n.Store(), Archive: folder, Zone: n.KeptZone(), Now: o.Now, Steady: o.Steady, Log: o.Log,
		Version: o.Version, DiskFreeMin: o.DiskFreeMin, Metrics: o.Metrics, FS: o.FS, BackupDir: o.BackupDir, KeptDir: keptDir(o), Node: name,
		Restore:         n.restore,
		Closed:          o.Closed,
		Confirm:         n.confirm(o),
		CopyBeside:      n.Audit.CopyTo,
		RestoreAccounts: func(ctx context.Context) closing.Accounts { return n.RestoreAccounts(ctx) },
		RestoreEvents:   func(ctx context.Context) closing.Events { return n.RestoreEvents(ctx) },
	})
	if err != nil {
		return errors.Join(err, n.Ledger.Close())
	}
	return nil
}

// confirm returns what brings the state up to what other nodes have acknowledged; nil if there are none.
func (n *Node) confirm(o Options) func(context.Context) error {
	if o.Shared == nil {
		return nil
	}
	return n.Ledger.Confirm
}

func (n *Node) openArchive(o Options) (*archive.Folder, error) {
	if o.Shared == nil {
		return archive.OpenFolder(o.FS, o.ArchiveDir, n.KeptZone())
	}
	return archive.OpenShared(o.FS, o.ArchiveDir, n.KeptZone(), n.Order())
}

// keptDir returns where what was computed of days is kept: of several nodes where the next one that leads finds it.
func keptDir(o Options) string {
	if o.Shared == nil {
		return o.DataDir
	}
	return o.ArchiveDir
}

// restore returns the bulk that takes rows which a run puts back.
func (n *Node) restore(ctx context.Context, each func(i store.Index, recorded bool)) closing.Rows {
	bulk := n.Restore(ctx)
	bulk.Tell(func(_ int, i store.Index, r ledger.Result) { each(i, r.Err == nil && !r.Duplicate) })
	return bulk
}

// Close waits for what was accepted and for a run that is under way, takes a last
// snapshot and gives the folders up. The node must not be used any more.
func (n *Node) Close() error {
	n.Runs.Close()
	err := n.Ledger.Close()
	n.keeper.stop()
	return errors.Join(err, n.Audit.Close(), n.unlock())
}

// lockFolders takes the data folder and the archive for this node alone.
func (n *Node) lockFolders(o Options) error {
	folders := []struct{ path, setting string }{
		{o.DataDir, "-data-dir or DATA_DIR"}, {o.ArchiveDir, "-archive-dir or ARCHIVE_DIR"},
	}
	if o.Shared != nil {
		folders = folders[:1] // the other one is that of all nodes
	}
	for _, folder := range folders {
		if err := durable.MakeFolder(o.FS, folder.path); err != nil {
			return err
		}
		lock, err := durable.LockFolder(o.FS, folder.path, o.Holder)
		if err != nil {
			return fmt.Errorf("%w: stop that program or choose another folder with %s", err, folder.setting)
		}
		n.locks = append(n.locks, lock)
	}
	return nil
}

func (n *Node) unlock() (err error) {
	for _, lock := range n.locks {
		err = errors.Join(err, lock.Release())
	}
	return err
}
