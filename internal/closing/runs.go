// Package closing joins memory and archive: it archives days, closes months, brings
// archives back, and tells how far it is.
//
// One run goes on at a time. Whatever a run writes down names the hold that it took, so
// a run that was cut off, or overtaken by another one, changes nothing any more.
package closing

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Writer is what a run needs of whoever writes the journal.
type Writer interface {
	// Ask writes one or more entries as one commit, and returns the verdict on the first.
	Ask(ctx context.Context, payload []byte, entries int) (store.Verdict, error)
	// PauseSnapshots waits until none is being taken, and lets none begin until resume.
	PauseSnapshots(ctx context.Context) (resume func(), err error)
	// Pace returns what makes a run give way to readings that come in: it is called
	// between small parts of the work.
	Pace(ctx context.Context) (step func())
}

// Rows takes rows that an operator puts back. A Flush ends it.
type Rows interface {
	Add(number int, row meter.Row) error
	Refuse(number int, err error) error
	Flush() (meter.Tally, error)
}

// Options says what runs work on.
type Options struct {
	Writer  Writer
	Restore func(ctx context.Context, each func(i store.Index, recorded bool)) Rows // each is told of every row with a verdict
	Store   *store.Store
	Archive *archive.Folder
	Zone    *meter.Zone
	Now     func() time.Time
	Log     *slog.Logger
	Version string // of the program, for the manifests of archives

	// DiskFreeMin is how many bytes must stay free on the archive folder's disk.
	DiskFreeMin uint64
}

// Runs is the maintenance of a ledger: one run at a time.
type Runs struct {
	writer      Writer
	restore     func(context.Context, func(store.Index, bool)) Rows
	store       *store.Store
	archive     *archive.Folder
	zone        *meter.Zone
	now         func() time.Time
	log         *slog.Logger
	version     string
	diskFreeMin uint64
	incarnation uint64 // of the holds of this process, drawn

	mu      sync.Mutex // guards all below
	holds   uint64     // taken so far
	current *Run
	last    map[Kind]*Run // the last run of each kind, Daily and Monthly
	ended   bool
	group   sync.WaitGroup
	cancel  context.CancelFunc // of the current run
}

// Open makes runs possible. It lifts the hold of a run that was cut off with the
// process before, and tells the operator of archives that the ledger does not know.
func Open(ctx context.Context, o Options) (*Runs, error) {
	rs := &Runs{
		writer: o.Writer, restore: o.Restore, store: o.Store, archive: o.Archive, zone: o.Zone, now: o.Now, log: o.Log,
		version: o.Version, diskFreeMin: o.DiskFreeMin, incarnation: rand.Uint64(), last: make(map[Kind]*Run),
	}
	if hold, stands := rs.store.Hold(); stands {
		rs.log.Info("a run of maintenance was cut off; the next one does it again")
		if _, err := rs.writer.Ask(ctx, store.AppendFree(nil, hold.ID), 1); err != nil {
			return nil, err
		}
	}
	rs.remember()
	rs.hintAtArchives()
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

// Kind is what a run does.
type Kind string

// The kinds of run.
const (
	Daily   Kind = "daily"
	Monthly Kind = "monthly"
	Both    Kind = "both"
	Restore Kind = "restore"
)

// ArchiveInfo describes an archive file.
type ArchiveInfo struct {
	Period meter.Period
	File   string
	Rows   uint64
	SHA256 [32]byte
}

// Run is a run of maintenance, finished or not.
type Run struct {
	Kind       Kind
	Subject    string // the period, or both of them, or all
	StartedAt  time.Time
	FinishedAt time.Time
	Err        error
	Archives   []ArchiveInfo

	done     chan struct{}
	rows     uint64 // written or read; touched by the run alone
	progress progress
}

// Done is closed when the run has ended. Its results may be read from then on.
func (r *Run) Done() <-chan struct{} { return r.done }

// remember takes the newest archives for the last runs that there were before the
// program was started. How long they took is not known any more.
func (rs *Runs) remember() {
	for _, listing := range rs.listings() {
		kind := Daily
		if listing.Period.IsMonth() {
			kind = Monthly
		}
		if last := rs.last[kind]; last == nil || last.FinishedAt.Before(listing.WrittenAt) {
			rs.last[kind] = &Run{
				Kind: kind, Subject: listing.Period.String(), StartedAt: listing.WrittenAt, FinishedAt: listing.WrittenAt,
				Archives: []ArchiveInfo{listing.ArchiveInfo},
			}
		}
	}
}

// Request asks for a run.
type Request struct {
	Kind   Kind        // Daily, Monthly or Both
	Day    meter.Day   // to archive, for Daily and Both
	Month  meter.Month // to close, for Monthly and Both
	DryRun bool        // says what would be written, and writes nothing
}

// periods are what is asked for, in the order in which it is done.
func (q Request) periods() (all []meter.Period) {
	if q.Kind != Monthly {
		all = append(all, q.Day.Period())
	}
	if q.Kind != Daily {
		all = append(all, q.Month.Period())
	}
	return all
}

// check refuses what cannot be archived on a day.
func (q Request) check(today meter.Day) error {
	for _, p := range q.periods() {
		field, present := "date", today.Period()
		if p.IsMonth() {
			field, present = "month", today.CalendarMonth().Period()
		}
		switch order := p.Compare(present); {
		case !p.IsMonth() && order > 0:
			return meter.Invalid(meter.CodeInvalidParameter, field, "%s has not begun yet", p)
		case p.CalendarMonth().Year < meter.EarliestYear:
			return meter.Invalid(meter.CodeInvalidParameter, field, "must not be before the year %d", meter.EarliestYear)
		case p.IsMonth() && order >= 0:
			return meter.Invalid(meter.CodeInvalidParameter, field, "%s has not ended yet", p)
		}
	}
	return nil
}

// Start begins a run, which goes on whatever becomes of the caller. While another is
// under way it is refused.
func (rs *Runs) Start(q Request) (*Run, error) {
	if err := q.check(rs.zone.Today(rs.now())); err != nil {
		return nil, err
	}
	periods := q.periods()
	subject := periods[0].String()
	if len(periods) > 1 {
		subject += " and " + periods[1].String()
	}
	return rs.start(q.Kind, subject, func(ctx context.Context, run *Run) error {
		for _, p := range periods {
			var err error
			switch {
			case q.DryRun:
				err = rs.preview(ctx, run, p)
			case p.IsMonth():
				err = rs.step(run, Monthly, p, func() error { return rs.closeMonths(ctx, run, p.CalendarMonth()) })
			default:
				err = rs.step(run, Daily, p, func() error { return rs.archiveDay(ctx, run, p.FirstDay()) })
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// step does a run's daily or monthly part, and remembers what came of it.
func (rs *Runs) step(run *Run, kind Kind, p meter.Period, work func() error) error {
	part := &Run{Kind: kind, Subject: p.String(), StartedAt: rs.now()}
	before := len(run.Archives)
	part.Err = work()
	part.FinishedAt, part.Archives = rs.now(), run.Archives[before:]
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.last[kind] = part
	return part.Err
}

func (rs *Runs) start(kind Kind, subject string, work func(context.Context, *Run) error) (*Run, error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	switch {
	case rs.ended:
		return nil, meter.Unavailable(meter.CodeNotReceiving, time.Minute, "%v", meter.ErrStopped)
	case rs.current != nil:
		return nil, meter.Unavailable(meter.CodeMaintenanceRunning, 5*time.Second,
			"%s maintenance of %s is running; one run at a time", rs.current.Kind, rs.current.Subject)
	}
	ctx, cancel := context.WithCancel(context.Background())
	run := &Run{Kind: kind, Subject: subject, StartedAt: rs.now(), done: make(chan struct{})}
	run.progress.now, run.progress.told = rs.now, time.Now()
	run.progress.log = rs.log.With("type", kind, "period", subject)
	run.progress.begin("starting", 0, 0)
	rs.current, rs.cancel = run, cancel
	rs.group.Go(func() {
		err := work(ctx, run)
		cancel()
		rs.finish(run, err)
	})
	rs.log.Info("maintenance started", "type", kind, "period", subject)
	return run, nil
}

func (rs *Runs) finish(run *Run, err error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	run.Err, run.FinishedAt = err, rs.now()
	rs.current, rs.cancel = nil, nil
	took := run.FinishedAt.Sub(run.StartedAt).Round(time.Millisecond)
	if err != nil {
		rs.log.Error("maintenance failed", "type", run.Kind, "period", run.Subject, "took", took, "error", err)
	} else {
		rs.log.Info("maintenance done", "type", run.Kind, "period", run.Subject, "took", took, "rows", run.rows)
	}
	close(run.done)
}
