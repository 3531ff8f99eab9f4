// Package maintenance is the service that daily and monthly both are. It holds
// no readings: it has the api archive each day, or close each month, that has
// ended: on schedule, on request, and at its start whatever was missed while it
// was down.
//
// One run goes on at a time. A run goes on asking an api that is away or busy,
// with growing pauses, up to a limit; one that fails is logged, listed in
// /status, and tried again. To archive a period twice changes nothing, so a run
// whose answer was lost is simply repeated.
package maintenance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/go-co-op/gocron/v2"

	"meterledger/internal/client"
	"meterledger/internal/config"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// Run is the whole of a program: it listens, serves and keeps up until ctx is
// done, then ends the attempt that it is making and returns nil.
func Run(ctx context.Context, kind Kind, settings config.Maintenance) error {
	log := settings.Logger(os.Stderr)
	listener, err := httpkit.Listen(settings.Addr, "-addr", kind.addrEnv)
	if err != nil {
		return err
	}
	log.Info("listening", "addr", listener.Addr().String(), "docs", fmt.Sprintf("http://%s/docs", listener.Addr()),
		"api_url", settings.APIURL.String(), "timezone", settings.Timezone.String(), "version", config.Version())

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	service, err := New(ctx, kind, settings, client.New(settings.APIURL, &http.Client{}), log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	var keeping sync.WaitGroup
	keeping.Go(service.KeepUp)
	context.AfterFunc(ctx, func() { log.Info("stopping: finishing what was accepted") })

	err = httpkit.Serve(ctx, listener, service.Handler(httpkit.NewMetrics()), log)
	stop()
	keeping.Wait()
	if err == nil {
		log.Info("stopped")
	}
	return err
}

// historyMax is how many runs /status lists.
const historyMax = 20

// Service keeps up with one kind of period.
type Service struct {
	// ctx is the service's life. A run belongs to it and not to the request that
	// asked for it, so that a caller who hangs up stops nothing.
	ctx      context.Context
	kind     Kind
	settings config.Maintenance
	api      *client.Client
	log      *slog.Logger

	scheduler gocron.Scheduler
	past      history
	job       gocron.Job    // nil where the schedule is off
	due       chan struct{} // the schedule says that it is time
	behind    chan struct{} // something has failed that is to be tried again
	turn      chan struct{} // holds one token while a run goes on

	mu      sync.Mutex            // guards all below
	current meter.Period          // of the run that goes on, or none
	last    []run                 // the newest first
	owed    map[meter.Period]bool // the periods whose last run failed
}

// New returns a service that lives until ctx is done. It does nothing of itself
// before KeepUp.
func New(ctx context.Context, kind Kind, settings config.Maintenance, api *client.Client, log *slog.Logger) (*Service, error) {
	s := &Service{
		ctx: ctx, kind: kind, settings: settings, api: api, log: log,
		due: make(chan struct{}, 1), behind: make(chan struct{}, 1), turn: make(chan struct{}, 1),
		past: history{settings.History},
	}
	var err error
	if s.last, s.owed, err = s.past.load(kind.program); err != nil {
		log.Warn("the history of runs begins anew; what is archived the api knows", "error", err)
	}
	if err := s.schedule(); err != nil {
		return nil, fmt.Errorf("scheduling %q: %w", settings.Schedule, err)
	}
	return s, nil
}

func (s *Service) schedule() (err error) {
	if s.settings.Schedule == "" {
		return nil
	}
	if s.scheduler, err = gocron.NewScheduler(gocron.WithLocation(s.settings.Timezone.Location())); err != nil {
		return err
	}
	s.job, err = s.scheduler.NewJob(
		gocron.CronJob(s.settings.Schedule, false),
		gocron.NewTask(func() { signal(s.due) }),
		// Where the clock jumps over the time, it is still time.
		gocron.WithDaylightSavingsTimePolicy(gocron.DaylightSavingsTimeRunAfterTransition),
	)
	return err
}

// signal leaves a token in c, unless there is one already.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// KeepUp does what is due until the service's context is done, and returns when
// the run that it is in has ended.
func (s *Service) KeepUp() {
	if s.scheduler != nil {
		s.scheduler.Start()
		defer s.stopScheduler()
		if next := s.nextRun(); next != nil {
			s.log.Info("scheduled", "cron", s.settings.Schedule, "next_run", *next)
		}
		s.catchUp()
	} else {
		s.log.Info("schedule is off: runs are made on request only")
	}
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.due:
			s.runInTurn(s.lastEnded(), bySchedule)
		case <-s.behind:
		}
		s.catchUp()
	}
}

func (s *Service) stopScheduler() {
	if err := s.scheduler.Shutdown(); err != nil {
		s.log.Warn("stopping the schedule failed", "error", err)
	}
}

// lastEnded returns the last period that has ended.
func (s *Service) lastEnded() meter.Period { return s.kind.last(s.settings.Timezone.Today(time.Now())) }

// nextRun returns when the schedule says that it is time again, or nil.
func (s *Service) nextRun() *string {
	if s.job == nil {
		return nil
	}
	next, err := s.job.NextRun()
	if err != nil || next.IsZero() { // before the start and after the end
		return nil
	}
	stamp := s.settings.Timezone.StampTime(next)
	return &stamp
}

// runInTurn waits until no other run goes on, and does one.
func (s *Service) runInTurn(period meter.Period, t trigger) {
	select {
	case <-s.ctx.Done():
	case s.turn <- struct{}{}:
		s.runWithTurn(run{period: period, trigger: t})
	}
}

// runNow does a run on request, unless another goes on.
func (s *Service) runNow(period meter.Period, dryRun bool) (run, error) {
	select {
	case s.turn <- struct{}{}:
	default:
		return run{}, meter.Unavailable(meter.CodeMaintenanceRunning, retryAfter,
			"%s maintenance of %s is running; one run at a time", s.kind.program, s.currentPeriod())
	}
	r := s.runWithTurn(run{period: period, trigger: byRequest, dryRun: dryRun})
	if r.err != nil {
		if isRepeatable(r.err) && !dryRun {
			signal(s.behind)
		}
		return r, r.err
	}
	return r, nil
}

func (s *Service) runWithTurn(r run) run {
	s.setCurrent(r.period)
	defer func() {
		s.setCurrent(meter.Period{})
		<-s.turn
	}()
	return s.perform(r)
}

func (s *Service) setCurrent(period meter.Period) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = period
}

func (s *Service) currentPeriod() meter.Period {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// history returns the runs that have ended, the newest first, and whether one
// goes on.
func (s *Service) history() (ended []run, isRunning bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.last), s.current != (meter.Period{})
}

// keep adds a run that has ended to the history.
func (s *Service) keep(r run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = slices.Insert(s.last, 0, r)
	s.last = s.last[:min(len(s.last), historyMax)]
	if r.err == nil {
		delete(s.owed, r.period)
	} else if isRepeatable(r.err) {
		s.owed[r.period] = true
	}
	if err := s.past.save(s.kind.program, s.last, s.owed); err != nil {
		s.log.Warn("the history of runs could not be kept; the run itself is not affected", "error", err)
	}
}
