package ledger

import (
	"context"
	"errors"
	"sync"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Kind is what a maintenance run does.
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
	Period string // YYYY-MM-DD or YYYY-MM
	File   string
	Rows   uint64
	SHA256 [32]byte
}

// Run is a maintenance run, finished or not.
type Run struct {
	Kind       Kind
	Period     string
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

// runs is the maintenance of a ledger: one run at a time.
type runs struct {
	mu      sync.Mutex // guards all below
	current *Run
	last    map[Kind]*Run // the last run of each kind, Daily and Monthly
	ended   bool
	group   sync.WaitGroup
	cancel  context.CancelFunc // of the current run
}

// stop asks the current run to end and waits until it has.
func (r *runs) stop() {
	r.mu.Lock()
	r.ended = true
	if r.cancel != nil {
		r.cancel()
	}
	r.mu.Unlock()
	r.group.Wait()
}

// rememberRuns takes the newest archives for the last runs that there were before
// the program was started. How long they took is not known any more.
func (l *Ledger) rememberRuns() {
	for _, day := range l.store.Days() {
		l.rememberRun(Daily, l.dayInfo(day), day.Archive)
	}
	for _, month := range l.store.Months() {
		l.rememberRun(Monthly, l.monthInfo(month), month.Archive)
	}
}

func (l *Ledger) rememberRun(kind Kind, info ArchiveInfo, a store.Archive) {
	if last := l.runs.last[kind]; last == nil || last.FinishedAt.Before(a.WrittenAt) {
		l.runs.last[kind] = &Run{
			Kind: kind, Period: info.Period, StartedAt: a.WrittenAt, FinishedAt: a.WrittenAt, Archives: []ArchiveInfo{info},
		}
	}
}

// MaintenanceRequest asks for a run. Day and Month are those to archive.
type MaintenanceRequest struct {
	Kind  Kind
	Day   meter.Day   // for Daily and Both
	Month meter.Month // for Monthly and Both
	// DryRun says what would be written, and writes nothing.
	DryRun bool
}

// StartMaintenance begins a run, which goes on whatever becomes of the caller.
// While another is running it is refused.
func (l *Ledger) StartMaintenance(q MaintenanceRequest) (*Run, error) {
	today := l.zone.Today(l.now())
	daily, monthly := q.Kind == Daily || q.Kind == Both, q.Kind == Monthly || q.Kind == Both
	if daily && today.Before(q.Day) {
		return nil, meter.Invalid(meter.CodeInvalidParameter, "date", "%s has not begun yet", q.Day)
	}
	if daily && q.Day.Year < meter.EarliestYear {
		return nil, meter.Invalid(meter.CodeInvalidParameter, "date", "must not be before the year %d", meter.EarliestYear)
	}
	if monthly && q.Month.Year < meter.EarliestYear {
		return nil, meter.Invalid(meter.CodeInvalidParameter, "month", "must not be before the year %d", meter.EarliestYear)
	}
	if monthly && !q.Month.Before(today.CalendarMonth()) {
		return nil, meter.Invalid(meter.CodeInvalidParameter, "month", "%s has not ended yet", q.Month)
	}
	period := q.Day.String()
	switch q.Kind {
	case Monthly:
		period = q.Month.String()
	case Both:
		period += " and " + q.Month.String()
	}
	if q.DryRun {
		return l.start(q.Kind, period, func(ctx context.Context, run *Run) error {
			return l.preview(ctx, run, q, daily, monthly)
		})
	}
	return l.start(q.Kind, period, func(ctx context.Context, run *Run) error {
		if daily {
			if err := l.step(run, Daily, q.Day.String(), func() error { return l.archiveDay(ctx, run, q.Day) }); err != nil {
				return err
			}
		}
		if monthly {
			return l.step(run, Monthly, q.Month.String(), func() error { return l.closeMonths(ctx, run, q.Month) })
		}
		return nil
	})
}

// step does a run's daily or monthly part, and remembers what came of it.
func (l *Ledger) step(run *Run, kind Kind, period string, work func() error) error {
	part := &Run{Kind: kind, Period: period, StartedAt: l.now()}
	before := len(run.Archives)
	part.Err = work()
	part.FinishedAt, part.Archives = l.now(), run.Archives[before:]
	l.runs.mu.Lock()
	defer l.runs.mu.Unlock()
	l.runs.last[kind] = part
	return part.Err
}

func (l *Ledger) start(kind Kind, period string, work func(context.Context, *Run) error) (*Run, error) {
	l.runs.mu.Lock()
	defer l.runs.mu.Unlock()
	switch {
	case l.runs.ended:
		return nil, errNotReceiving
	case l.runs.current != nil:
		return nil, meter.Unavailable(meter.CodeMaintenanceRunning, 5*time.Second,
			"%s maintenance of %s is running; one run at a time", l.runs.current.Kind, l.runs.current.Period)
	}
	ctx, cancel := context.WithCancel(context.Background())
	run := &Run{Kind: kind, Period: period, StartedAt: l.now(), done: make(chan struct{})}
	run.progress.now, run.progress.told = l.now, time.Now()
	run.progress.log = l.log.With("type", kind, "period", period)
	run.progress.begin("starting", 0)
	l.runs.current, l.runs.cancel = run, cancel
	l.runs.group.Go(func() {
		err := work(ctx, run)
		cancel()
		l.finish(run, err)
	})
	l.log.Info("maintenance started", "type", kind, "period", period)
	return run, nil
}

func (l *Ledger) finish(run *Run, err error) {
	l.runs.mu.Lock()
	defer l.runs.mu.Unlock()
	run.Err, run.FinishedAt = err, l.now()
	l.runs.current, l.runs.cancel = nil, nil
	took := run.FinishedAt.Sub(run.StartedAt).Round(time.Millisecond)
	if err != nil {
		l.log.Error("maintenance failed", "type", run.Kind, "period", run.Period, "took", took, "error", err)
	} else {
		l.log.Info("maintenance done", "type", run.Kind, "period", run.Period, "took", took, "rows", run.rows)
	}
	close(run.done)
}

// ErrStopped ends what takes long when the program is to end.
var ErrStopped = errors.New("the program is being stopped; this can be repeated after a restart")

func stopped(ctx context.Context) error {
	if ctx.Err() != nil {
		return ErrStopped
	}
	return nil
}
