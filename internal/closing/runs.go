// Package closing joins memory and archive: it archives days, closes months, brings
// archives back, and reports its progress.
//
// One run goes on at a time. Whatever a run writes down names the hold that it took, so
// a run that was cut off, or overtaken by another one, cannot change anything any more.
package closing

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/archive"
	"meterledger/internal/durable"
	"meterledger/internal/meter"
	"meterledger/internal/metric"
	"meterledger/internal/store"
)

// Writer is what a run needs of the room that writes the journal.
type Writer interface {
	// Lead returns the term in which this node may run maintenance, and what is closed when the term ends.
	// It may not while another node leads. A node that is alone always may, in the term store.Alone.
	Lead() (t store.Term, over <-chan struct{}, leads bool)
	// Ask writes one or more entries as one commit, and returns the verdict on the first.
	Ask(ctx context.Context, payload []byte, entries int) (store.Verdict, error)
	// Lift lifts a hold. Of several nodes one may do so also while its own disk is full, since all others wait for it.
	Lift(ctx context.Context, id store.HoldID) (store.Verdict, error)
	// PauseSnapshots waits for a snapshot that is being taken, and lets none begin until
	// resume is called.
	PauseSnapshots(ctx context.Context) (resume func(), err error)
	// CopyTo puts the data folder, as it is, into a new folder.
	CopyTo(ctx context.Context, folder string) error
	// Pace returns a function that makes a run give way to readings that come in. The run
	// calls it between small parts of the work.
	Pace(ctx context.Context) (step func())
	// IsAsked reports whether callers want answers meanwhile, however few: a run then leaves
	// cores to them. Any number of goroutines may call it.
	IsAsked() bool
}

// Rows takes readings that an operator puts back.
type Rows = Taker[meter.Row]

// Options says what runs work on.
type Options struct {
	Writer  Writer
	Restore func(ctx context.Context, each func(i store.Index, recorded bool)) Rows // each is called with every row that has a verdict
	// RestoreAccounts begins to register accounts, also while reception is shut down. Those of
	// meters that are registered are duplicates.
	RestoreAccounts func(ctx context.Context) Accounts
	RestoreEvents   func(ctx context.Context) Events
	Store           *store.Store
	Archive         *archive.Folder
	Zone            *meter.Zone
	Now             func() time.Time
	Steady          func() time.Time // what the clock would say if nobody had set it since the start; nil if nobody can
	Log             *slog.Logger
	Version         string // of the program, for the manifests of archives

	// Metrics is where the runs add what they count and measure; nil for nobody.
	Metrics   *metric.Set
	FS        vfs.FS
	BackupDir string // the folder of backups, created with the first
	KeptDir   string // where what was computed of days is kept: the data folder, or the archive folder that several nodes share
	Node      string // the name of this one of several nodes; a node alone needs none

	// DiskFreeMin is how many bytes must stay free on the archive folder's disk.
	DiskFreeMin uint64
	// CopyBeside copies what the data folder has beside ledger and days into that of a backup.
	CopyBeside func(dataFolder string) error
	// Closed is called when a month was closed and memory is free again; nil for nobody.
	Closed func()
	// Confirm brings the store up to all that any node has acknowledged before the call; nil for a node
	// that is alone.
	Confirm func(context.Context) error
}

// Runs is the maintenance of a ledger: one run at a time.
type Runs struct {
	writer          Writer
	restore         func(context.Context, func(store.Index, bool)) Rows
	restoreAccounts func(context.Context) Accounts
	restoreEvents   func(context.Context) Events
	store           *store.Store
	archive         *archive.Folder
	zone            *meter.Zone
	now             func() time.Time
	steady          func() time.Time
	log             *slog.Logger
	version         string
	fs              vfs.FS
	backupDir       string
	node            string
	diskFreeMin     uint64
	copyBeside      func(string) error
	closed          func()
	confirm         func(context.Context) error
	incarnation     uint64 // of the holds of a process that is alone, drawn

	counts map[Kind]*counts // of each kind but Both; the map is never changed
	group  sync.WaitGroup   // of the current run

	accounts writtenAccounts // touched by the current run alone
	tidied   store.Term      // for which the archive folder was tidied last; likewise

	exceptions, totals keptDays // of days that were archived
	notExamined        *metric.Counter
	lists              chan struct{} // holds a token for each list of exceptions that is being read

	mu      sync.Mutex // guards all below
	holds   uint64     // taken so far
	current *Run
	cancel  context.CancelFunc // of the current run
	last    map[Kind]*Run      // the last run of each kind, Daily and Monthly
	ended   bool
	newest  newestExceptions
}

// Open returns the maintenance of a ledger, with no run under way. It tells the operator of archives that the ledger does
// not know. If the node is alone, it lifts the hold of a run that was cut off with the process before; of several nodes the
// next term drops it.
func Open(ctx context.Context, o Options) (*Runs, error) {
	exceptions, totals := keptIn(o.FS, o.KeptDir)
	rs := &Runs{
		writer: o.Writer, restore: o.Restore, restoreAccounts: o.RestoreAccounts, restoreEvents: o.RestoreEvents, store: o.Store, archive: o.Archive, zone: o.Zone,
		now: o.Now, steady: o.Steady, log: o.Log, version: o.Version, fs: o.FS, backupDir: o.BackupDir, node: o.Node, diskFreeMin: o.DiskFreeMin,
		copyBeside: o.CopyBeside, closed: o.Closed, confirm: o.Confirm, incarnation: rand.Uint64(), last: make(map[Kind]*Run),
		exceptions: exceptions, totals: totals, lists: make(chan struct{}, listsMax),
	}
	rs.measure(o.Metrics)
	rs.rememberExceptions()
	if hold, stands := rs.store.Hold(); stands && rs.isAlone() {
		rs.log.Info("a run of maintenance was cut off; the next one does it again")
		// Without room on the disk it stands until there is room, as nothing is taken in until then.
		if _, err := rs.writer.Lift(ctx, hold.ID); err != nil && meter.CodeOf(err) != meter.CodeDiskFull {
			return nil, err
		}
	}
	if rs.steady == nil {
		rs.steady = rs.now
	}
	if rs.isAlone() { // what others have archived since may not have come here yet
		rs.hintAtArchives()
	}
	rs.tellMissing()
	return rs, nil
}

// Close asks the current run to end and waits until it has.
func (rs *Runs) Close() {
	rs.mu.Lock()
	rs.ended = true
	if rs.cancel != nil {
		rs.cancel()
	}
	rs.mu.Unlock()
	rs.group.Wait()
}

// isAlone reports whether no other node shares the order and the archive folder.
func (rs *Runs) isAlone() bool { return rs.confirm == nil }

// task is what a run works with.
type task struct {
	*Runs

	ctx     context.Context // done when the run must end
	run     *Run
	lead    lead
	archive *archive.Folder // in which the run writes

	exceptions, totals keptDays // likewise
}

func (rs *Runs) start(kind Kind, subject string, work func(task) error) (*Run, error) {
	return rs.begin(&Run{Kind: kind, Subject: subject}, work)
}

// begin begins a run, of which kind and subject are known.
func (rs *Runs) begin(run *Run, work func(task) error) (*Run, error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	switch {
	case rs.ended:
		return nil, rs.stopped()
	case rs.current != nil:
		return nil, meter.Unavailable(meter.CodeMaintenanceRunning, 5*time.Second,
			"%s maintenance of %s is running; one run at a time", rs.current.Kind, rs.current.Subject)
	}
	lead, err := rs.takeLead()
	if err != nil && run.Kind != Backup {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	run.StartedAt, run.done, run.revisedBefore = rs.now(), make(chan struct{}), rs.store.BillsRevised()
	run.progress.now, run.progress.told = rs.now, time.Now()
	run.progress.log = rs.log.With("type", run.Kind, "period", run.Subject)
	run.progress.begin("starting", 0, 0)
	rs.current, rs.cancel = run, cancel
	rs.group.Go(func() {
		err := rs.leading(task{rs, ctx, run, lead, rs.archive, rs.exceptions, rs.totals}, work)
		cancel()
		rs.finish(run, err)
	})
	if lead.over != nil {
		rs.group.Go(func() { lead.watch(ctx, cancel) })
	}
	rs.log.Info("maintenance started", "type", run.Kind, "period", run.Subject, "dry_run", run.DryRun)
	return run, nil
}

// stopped is the answer to a run that does not end, or begin, because the program is stopped. Another of several nodes leads soon.
func (rs *Runs) stopped() error {
	if rs.isAlone() {
		return meter.Unavailable(meter.CodeNotReceiving, time.Minute, "%v", meter.ErrStopped)
	}
	return meter.Unavailable(meter.CodeNotReady, time.Second, "%v", meter.ErrStopped)
}

// fullDisk words the error of a run that found no space on a disk when it wrote.
func fullDisk(err error) error {
	if durable.IsFull(err) {
		return meter.Unavailable(meter.CodeDiskFull, time.Minute, "the run came to an end because a disk is full; make room, and run it again: nothing is lost")
	}
	return err
}

func (rs *Runs) finish(run *Run, err error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	run.Err, run.FinishedAt = err, rs.now()
	rs.current, rs.cancel = nil, nil
	if run.Kind == Restore || run.Kind == Backup { // step counts the others
		rs.countRun(run.Kind, err)
	}
	took := run.FinishedAt.Sub(run.StartedAt).Round(time.Millisecond)
	if err != nil {
		rs.log.Error("maintenance failed", "type", run.Kind, "period", run.Subject, "dry_run", run.DryRun, "took", took, "error", err)
	} else {
		told := []any{"type", run.Kind, "period", run.Subject, "dry_run", run.DryRun, "took", took, "rows", run.rows}
		if run.Kind == Monthly || run.Kind == Both {
			told = append(told, "bills_revised", rs.store.BillsRevised()-run.revisedBefore)
		}
		rs.log.Info("maintenance done", told...)
	}
	close(run.done)
}
