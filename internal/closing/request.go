package closing

import (
	"errors"
	"math"
	"time"

	"meterledger/internal/meter"
)

// Kind is what a run does.
type Kind string

// The kinds of run.
const (
	Daily   Kind = "daily"
	Monthly Kind = "monthly"
	Both    Kind = "both"
	Restore Kind = "restore"
	Backup  Kind = "backup"
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
	DryRun     bool   // nothing was written
	Subject    string // the period, both periods, or "all"
	StartedAt  time.Time
	FinishedAt time.Time
	Err        error
	Archives   []ArchiveInfo

	done          chan struct{}
	rows          uint64 // written or read; touched by the run alone
	revisedBefore uint64 // bills, since the process began
	progress      progress
}

// Done is closed when the run has ended. Its results may be read from then on.
func (r *Run) Done() <-chan struct{} { return r.done }

// Request asks for a run.
type Request struct {
	Kind   Kind        // Daily, Monthly or Both
	Day    meter.Day   // to archive, for Daily and Both
	Month  meter.Month // to close, for Monthly and Both
	DryRun bool        // says what would be written, and writes nothing
	Lost   bool        // runs although no archive that was written is there
}

// periods returns the periods of the request in the order in which they are done.
func (q Request) periods() (all []meter.Period) {
	if q.Kind != Monthly {
		all = append(all, q.Day.Period())
	}
	if q.Kind != Daily {
		all = append(all, q.Month.Period())
	}
	return all
}

// check refuses a period that cannot be archived yet, or is too early.
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

// clockStepMax is how far the clock may be set without being doubted.
const clockStepMax = 5 * time.Minute

// checkClock refuses to close a month that has ended only since the clock was put forward, as
// long as no reading was taken in from after its end: nobody else says that it has ended.
func (rs *Runs) checkClock(q Request) error {
	if q.Kind == Daily || q.DryRun {
		return nil
	}
	end := rs.zone.MonthWindow(q.Month).To
	early := rs.zone.Time(end).Sub(rs.steady())
	if early <= clockStepMax || rs.store.CameSince(meter.Window{From: end, To: math.MaxUint32}, 0) {
		return nil
	}
	return meter.Unavailable(meter.CodeNotReady, time.Minute,
		"%s is not closed: the clock was put forward since the api started, and by the time that has passed the month ends in %s; "+
			"it is closed once a reading from after its end has come, or after a restart of the api if the clock is right",
		q.Month, early.Round(time.Second))
}

// Start begins a run, which goes on if the caller goes away. It is refused while another
// run is under way.
func (rs *Runs) Start(q Request) (*Run, error) {
	if err := q.check(rs.zone.Today(rs.now())); err != nil {
		return nil, err
	}
	if err := rs.checkClock(q); err != nil {
		return nil, err
	}
	if err := rs.checkFolder(q.Lost); err != nil {
		return nil, err
	}
	periods := q.periods()
	subject := periods[0].String()
	if len(periods) > 1 {
		subject += " and " + periods[1].String()
	}
	return rs.begin(&Run{Kind: q.Kind, Subject: subject, DryRun: q.DryRun}, func(t task) error {
		for _, p := range periods {
			var err error
			switch {
			case q.DryRun:
				err = t.preview(p)
			case p.IsMonth():
				err = t.step(Monthly, p, func() error { return t.closeMonths(p.CalendarMonth()) })
			default:
				if err = t.step(Daily, p, func() error { return t.archiveDay(p.FirstDay()) }); err == nil {
					t.examine(p.FirstDay())
				}
			}
			if err != nil {
				return err
			}
		}
		if q.DryRun {
			return nil
		}
		return errors.Join(t.archiveAccounts(), t.archiveEvents())
	})
}

// step does a run's daily or monthly part, and remembers its result.
func (t task) step(kind Kind, p meter.Period, work func() error) error {
	part := &Run{Kind: kind, Subject: p.String(), StartedAt: t.now()}
	before := len(t.run.Archives)
	part.Err = t.worded(work())
	t.countRun(kind, part.Err)
	part.FinishedAt, part.Archives = t.now(), t.run.Archives[before:]
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last[kind] = part
	return part.Err
}
