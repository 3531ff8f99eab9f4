// Package ledger is the one writer of the system.
//
// A reading goes the same way whoever sends it: it is checked, queued at one
// committer, written to the journal together with whatever else has gathered
// there, fsynced once, applied to the store, and only then answered. So a caller
// who was told yes can be told nothing else later, and one fsync serves
// thousands of readings.
//
// Package query reads the state, and package closing archives it.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/cluster"
	"meterledger/internal/journal"
	"meterledger/internal/meter"
	"meterledger/internal/metric"
	"meterledger/internal/snapshot"
	"meterledger/internal/store"
)

// Options says where a ledger lives and what it works with.
type Options struct {
	FS       vfs.FS
	DataDir  string // which the caller has locked
	Zone     *meter.Zone
	Now      func() time.Time
	Log      *slog.Logger
	Progress func(Progress) // called while the state is brought back; nil for nobody
	// Loading is called before a snapshot is read, and what it returns after that; nil for nobody.
	Loading func() (loaded func())

	// LateRows returns a meter's rows in the archive of a closed month, which a late
	// reading of that month has to be judged beside.
	LateRows func(*store.Store, store.Meter, store.MonthSummary) ([]meter.Point, error)

	// Metrics is where the ledger adds what it counts and measures; nil for nobody.
	Metrics *metric.Set

	// SnapshotBytes is the number of bytes of journal after which a snapshot is taken; 0 is never.
	SnapshotBytes int64
	// SnapshotEvery is the time after which one is taken if anything was written; 0 is never.
	SnapshotEvery time.Duration
	// DiskFreeMin is how many bytes must be free on the data folder's disk for
	// readings and registrations to be taken.
	DiskFreeMin uint64
	// DiskSlow is how long the disk may take for a batch before readings and registrations
	// are refused; 0 is any time.
	DiskSlow time.Duration
	// MemoryLimit is how many bytes the process may take; 0 is any number.
	MemoryLimit uint64
	// ReadingsFrom is the day before which no new readings are taken, except those that an
	// operator puts back; the zero day is none.
	ReadingsFrom meter.Day
	// RefusalsMax is how many refused readings are kept, to be judged again; 0 is none.
	RefusalsMax uint32
	// Shared says how the ledger takes part in an order of several nodes; nil for a node alone.
	Shared *Shared
	// MetersMax is how many meters can be registered; 0 is any number.
	MetersMax uint32
}

// Ledger is the open system of record.
type Ledger struct {
	fs       vfs.FS
	folder   string
	zone     *meter.Zone
	now      func() time.Time
	log      *slog.Logger
	journal  *journal.Journal
	store    *store.Store
	lateRows func(*store.Store, store.Meter, store.MonthSummary) ([]meter.Point, error)

	committer *committer
	shared    *shared       // the order of several nodes; nil for a node alone
	founded   cluster.Order // what that order began with
	unserve   func() error  // ends what other nodes are answered
	metrics   *metrics
	refused   *metric.Minute // of the readings that were refused as isKept says
	silences  silences
	singles   sync.Pool     // submissions of single readings, which are all of one size
	bulks     sync.Pool     // submissions of a Bulk
	held      atomic.Int64  // submissions that all Bulks hold
	asked     atomic.Uint64 // questions and single readings so far, give or take
	rush      rush          // of them
	callers   rush          // the same, however few
	keeper    keeper
	uses      uses
	snapshots snapshotter
	space     *space
	seal      seal
	stall     *stall
	clock     *clock
	memory    *memory
	gates     []gate

	meterRoom    meterRoom
	setting      sync.Mutex // held while a meter's limits are read and set
	readingsFrom meter.Slot // of Options.ReadingsFrom; 0 without one
}

// Open brings the state of a data folder back and starts to receive. It returns an
// error if the folder is damaged or of another time zone, and when ctx is done before
// the state is back.
func Open(ctx context.Context, o Options) (*Ledger, error) {
	l := &Ledger{
		fs: o.FS, folder: o.DataDir, zone: o.Zone, now: o.Now, log: o.Log, lateRows: o.LateRows,
		space:   &space{fs: o.FS, folder: o.DataDir, min: o.DiskFreeMin, log: o.Log},
		stall:   &stall{max: o.DiskSlow, log: o.Log},
		clock:   &clock{now: o.Now, log: o.Log},
		memory:  newMemory(o.MemoryLimit, o.Log),
		metrics: newMetrics(o.Metrics),
		refused: &metric.Minute{Log: o.Log, Message: "readings were refused in the last minute", Unit: "readings"},
		singles: sync.Pool{New: newSubmission}, bulks: sync.Pool{New: newSubmission},
		unserve: func() error { return nil },
	}
	l.rush.count, l.rush.min, l.callers.count = &l.asked, rushMin, &l.asked
	l.keeper = keeper{l, o.RefusalsMax, l.metrics.dropped}
	l.uses.l, l.uses.known = l, make(map[string]struct{})
	l.meterRoom.l, l.meterRoom.max = l, o.MetersMax
	if err := l.open(ctx, o); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *Ledger) open(ctx context.Context, o Options) (err error) {
	signed, err := checkJournal(o)
	if err != nil {
		return err
	}
	snapshots, err := snapshot.OpenFolder(o.FS, o.FS.PathJoin(o.DataDir, snapshotsName))
	if err != nil {
		return err
	}
	r := &recovery{ctx: ctx, snapshots: snapshots, log: o.Log, report: o.Progress, limit: o.MemoryLimit, loading: o.Loading}
	defer r.stop()
	if o.Shared == nil {
		r.start() // of several nodes another one may have a newer snapshot
	}
	if l.journal, err = OpenJournal(o); err != nil {
		return err
	}
	if err := l.begin(); err != nil {
		return err
	}
	signed, joined, err := l.join(ctx, o, snapshots, signed)
	defer joined()
	if err != nil {
		return errors.Join(err, l.journal.Close())
	}
	r.journal = l.journal
	if signed.Version == unsigned && l.journal.Last() > 0 {
		err = fmt.Errorf("%s has a journal but has lost its file %s: put it back from a copy of the data folder", o.DataDir, formatName)
	}
	if err = errors.Join(err, r.run()); err == nil {
		l.store, l.memory.store = r.store, r.store
		err = l.keepZone(o, signed)
	}
	if o.ReadingsFrom != (meter.Day{}) {
		l.readingsFrom = l.zone.DayStart(o.ReadingsFrom)
	}
	if err == nil && !l.seal.closed.Load() {
		err = l.sign(o, signed)
	}
	if err != nil {
		return errors.Join(err, l.journal.Close())
	}
	l.clock.newest.Store(l.store.Written().Unix())
	l.clock.isBehind() // says so in the log
	l.gates = l.newGates()
	l.beginSnapshots(o, snapshots, r)
	l.committer = newCommitter(l.store, l.journal.End(), l.space, l.stall, l.clock, l.memory, &l.snapshots.growth)
	l.committer.order = newAlone(l.journal, l.metrics)
	if o.Shared != nil {
		l.share(o.Shared)
	}
	if l.seal.closed.Load() {
		l.seal.begin = func() bool { return l.beginLate(o, signed) }
		l.committer.sealed = l.unseal
	}
	l.committer.start()
	if l.shared != nil {
		l.takePart(o.Shared)
	} else if err = l.beginAlone(ctx); err == nil {
		err = l.keeper.trim(ctx)
	}
	if err != nil {
		l.committer.stop()
		return errors.Join(err, l.journal.Close())
	}
	l.snapshots.start()
	l.measure()
	return nil
}

// join makes the journal a copy of a shared order, and returns how the folder is signed then. Others are told what
// this node has until end is called.
func (l *Ledger) join(ctx context.Context, o Options, snapshots *snapshot.Folder, signed format) (then format, end func(), err error) {
	if o.Shared == nil {
		return signed, func() {}, nil
	}
	j := &joining{Shared: o.Shared, l: l, snapshots: snapshots, heard: make(chan struct{}), sign: func() error { return sign(o.FS, o.DataDir, o.Zone) }}
	end = j.announce(ctx)
	if err := j.run(ctx); err != nil {
		return signed, end, err
	}
	then, err = checkFormat(o.FS, o.DataDir, o.Zone)
	return then, end, err
}

// beginAlone writes what a node alone begins with.
func (l *Ledger) beginAlone(ctx context.Context) error {
	first := l.firstEntries()
	if first.entries == 0 || l.seal.closed.Load() {
		return nil
	}
	_, err := l.ask(ctx, first.payload, first.entries)
	return err
}

// firstEntries end the last term of an order that this node is no part of any more, and make the newest rules judge
// all further entries.
func (l *Ledger) firstEntries() *gathered {
	var first gathered
	if l.store.Term() != store.Alone {
		first.payload = store.AppendTerm(first.payload, store.Alone, l.now())
		first.entries++
	}
	if l.store.Level() != store.LevelNewest {
		first.payload = store.AppendLevel(first.payload, store.LevelNewest)
		first.entries++
	}
	return &first
}

// keepZone sets the zone as the folder knows it.
func (l *Ledger) keepZone(o Options, signed format) (err error) {
	until := l.store.Written().Add(meter.FutureMax)
	if l.zone, err = signed.keptZone(o.Zone, until); err != nil {
		return err
	}
	if l.zone != o.Zone {
		l.log.Warn("the time zone database has other rules than when the folder was written; what was written keeps its time",
			"timezone", o.Zone, "new_rules_from", until)
	}
	return nil
}

// sign signs a data folder that is new, of an older format, or of a zone whose rules have
// changed.
func (l *Ledger) sign(o Options, signed format) error {
	if signed.Version == FormatVersion && slices.Equal(signed.Rules, l.zone.Rules()) {
		return nil
	}
	return sign(o.FS, o.DataDir, l.zone)
}

// KeptZone returns the time zone as the data folder knows it.
func (l *Ledger) KeptZone() *meter.Zone { return l.zone }

// Failed is closed when the journal can no longer be written. Nothing is
// acknowledged from then on, and the program has to end.
func (l *Ledger) Failed() <-chan struct{} { return l.committer.order.failed() }

// Failure says why, once Failed is closed.
func (l *Ledger) Failure() error { return l.committer.order.failure() }

// Close waits for what was accepted and takes a last snapshot. Nothing may be sent to the
// ledger any more.
func (l *Ledger) Close() error {
	l.snapshots.stop()
	l.uses.stop()
	l.committer.stop()
	err := l.unserve()
	if l.Failure() == nil {
		if err := l.snapshots.take(context.Background()); err != nil {
			l.log.Error("no last snapshot could be taken; the next start replays the journal", "error", err)
		}
	}
	return errors.Join(err, l.journal.Close())
}

// Store returns the state, for readers.
func (l *Ledger) Store() *store.Store { return l.store }

// Asked counts a question, to which a Bulk gives way.
func (l *Ledger) Asked() { l.asked.Add(1) }

// Ask writes one or more entries of a run of maintenance as one commit, waits for space in the
// queue if need be, and returns the verdict on the first.
func (l *Ledger) Ask(ctx context.Context, payload []byte, entries int) (store.Verdict, error) {
	return l.put(ctx, &commit{payload: payload, entries: entries, isRun: l.shared != nil}, steady)
}

// Lift lifts the hold of a run of maintenance, and returns the verdict. Of several nodes one may do so also while its own
// disk is full: what others copy is safe, and none of them takes readings that are held back.
func (l *Ledger) Lift(ctx context.Context, id store.HoldID) (store.Verdict, error) {
	isShared := l.shared != nil
	return l.put(ctx, &commit{payload: store.AppendFree(nil, id), entries: 1, isRun: isShared, isSpared: isShared}, steady)
}

// ask is Ask for what is of no run.
func (l *Ledger) ask(ctx context.Context, payload []byte, entries int) (store.Verdict, error) {
	return l.put(ctx, &commit{payload: payload, entries: entries}, steady)
}

// put writes a commit and returns the verdict on its first entry.
func (l *Ledger) put(ctx context.Context, k *commit, p patience) (store.Verdict, error) {
	if err := l.committer.enqueue(ctx, k, p); err != nil {
		return store.Verdict{}, err
	}
	verdicts, err := l.committer.wait(k)
	if err != nil {
		return store.Verdict{}, err
	}
	return verdicts.At(0), nil
}
