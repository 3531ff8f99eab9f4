// Package maintenance is the service that daily and monthly both are. It holds no
// readings: it asks the api to archive each day, or to close each month, that has ended.
// It does so on schedule, on request, and at its start for all periods that were missed.
//
// Runs do not overlap. A run repeats its request, with growing pauses up to a limit, to an
// api that is away or busy. A run that fails is logged, listed in /status, and tried again.
// Archiving a period twice changes nothing, so a run whose answer was lost is repeated.
package maintenance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/go-co-op/gocron/v2"

	"meterledger/api"
	"meterledger/internal/client"
	"meterledger/internal/config"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// Run is the whole program: it listens, serves and keeps up until ctx is done. Then it
// ends the current attempt and returns nil.
func Run(ctx context.Context, kind Kind, settings config.Maintenance, log *slog.Logger) error {
	listener, err := httpkit.Open(settings.Addr, "-addr", kind.addrEnv, settings.Network, log)
	if err != nil {
		return err
	}
	log.Info("listening", "addr", listener.Addr().String(), "docs", listener.URL("/docs"), "auth", settings.Auth,
		"hosts", httpkit.NewHosts(settings.Addr, settings.Hosts), "api_url", settings.APIURLs.String(), "timezone", settings.Timezone.String(), "version", config.Version())

	release, err := historyFile{settings.History}.lock()
	switch {
	case errors.Is(err, errInUse):
		return errors.Join(err, listener.Close())
	case err != nil:
		log.Warn("the history of runs cannot be kept; runs are not affected", "error", err)
	default:
		defer func() { _ = release() }() // so does the end of the process
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if err := httpkit.ServeProfiler(ctx, settings.PprofAddr, log); err != nil {
		return errors.Join(err, listener.Close())
	}
	service, err := New(ctx, kind, settings, clientOf(kind, settings), log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	handler := service.Handler(httpkit.NewMetrics())
	var keeping sync.WaitGroup
	keeping.Go(service.KeepUp)
	keeping.Go(service.LookForAPI)
	context.AfterFunc(ctx, func() { log.Info("stopping: finishing what was accepted") })

	err = httpkit.Serve(ctx, listener, handler, log)
	stop()
	keeping.Wait()
	if err == nil {
		log.Info("stopped")
	}
	return err
}

// clientOf returns the client with which the program asks the api for itself.
func clientOf(kind Kind, settings config.Maintenance) *client.Client {
	http := &http.Client{Transport: client.NewTransport(settings.APICA)}
	asks := client.New(settings.APIURLs[0], http, settings.APIURLs[1:]...).As(kind.program)
	if settings.APITokenFile != "" {
		asks = asks.With(client.TokenFile(settings.APITokenFile))
	}
	return asks
}

// Service archives the periods of one kind.
type Service struct {
	// ctx is the life of the service, and of its runs: a caller who hangs up does not end
	// the run that the request began.
	ctx      context.Context
	kind     Kind
	settings config.Maintenance
	api      *client.Client
	log      *slog.Logger

	scheduler gocron.Scheduler
	figures   figures
	file      historyFile
	job       gocron.Job    // nil if the schedule is off
	due       chan struct{} // has a token when the schedule says that it is time
	retry     chan struct{} // has a token when a run on request has failed
	turn      chan struct{} // has a token during a run

	mu      sync.Mutex            // guards all below
	current meter.Period          // of the present run, or none
	last    []run                 // the newest first
	owed    map[meter.Period]bool // the periods whose last run failed

	refused  map[meter.Period]string // the periods that the api has refused for good, with its state of them then
	pending  []api.OutstandingPeriod // what the present catching up has still to do
	inTheWay meter.Reason            // why nothing could be run when the api was asked last, or none
}

// New returns a service that lives until ctx is done. Before KeepUp, it runs on request
// only.
func New(ctx context.Context, kind Kind, settings config.Maintenance, api *client.Client, log *slog.Logger) (*Service, error) {
	s := &Service{
		ctx: ctx, kind: kind, settings: settings, api: api, log: log,
		due: make(chan struct{}, 1), retry: make(chan struct{}, 1), turn: make(chan struct{}, 1),
		file: historyFile{settings.History},
	}
	content, err := s.file.load(kind.program)
	if err != nil {
		log.Warn("the history of runs begins anew; the api knows what is archived", "error", err)
	}
	s.last, s.owed, s.refused = content.Runs, content.owed(), content.Refused
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
		// If the clock skips the time of a run, the run comes after it.
		gocron.WithDaylightSavingsTimePolicy(gocron.DaylightSavingsTimeRunAfterTransition),
	)
	return err
}

// signal puts a token into c, unless there is one already.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// KeepUp does what is due until the service's context is done, and returns at the end of
// the current run.
func (s *Service) KeepUp() {
	if s.scheduler != nil {
		s.scheduler.Start()
		defer s.stopScheduler()
		if next, ok := s.nextTime(); ok {
			s.log.Info("scheduled", "cron", s.settings.Schedule, "next_run", next)
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
			s.runScheduled()
		case <-s.retry:
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

// nextRun returns the time of the next scheduled run as text, or nil.
func (s *Service) nextRun() *string {
	if next, ok := s.nextTime(); ok {
		return new(s.stamp(next))
	}
	return nil
}

// nextTime returns the time of the next scheduled run, if there is one.
func (s *Service) nextTime() (next time.Time, ok bool) {
	if s.job == nil {
		return time.Time{}, false
	}
	next, err := s.job.NextRun()
	return next, err == nil && !next.IsZero() // otherwise the scheduler has not started, or has stopped
}

// runScheduled archives the last period, if there is anything to archive.
func (s *Service) runScheduled() {
	if status, err := s.look(s.ctx, watchEvery); err == nil && status.Meters == 0 {
		s.log.Info("no meter is registered: there is nothing to archive")
		return
	}
	s.runInTurn(s.lastEnded(), bySchedule)
}

// runInTurn waits for the turn, and does a run.
func (s *Service) runInTurn(period meter.Period, t trigger) (done run) {
	select {
	case <-s.ctx.Done():
	case s.turn <- struct{}{}:
		done, _ = s.runWithTurn(run{Period: period, Trigger: t, api: s.api})
	}
	return done
}

// runNow does a run on request, unless it would overlap with another. What is asked of the api
// is asked with the credential of the caller.
func (s *Service) runNow(period meter.Period, dryRun bool, asks client.Credential) (run, error) {
	select {
	case s.turn <- struct{}{}:
	default:
		return run{}, meter.Unavailable(meter.CodeMaintenanceRunning, retryAfter,
			"%s maintenance of %s is running; one run at a time", s.kind.program, s.currentPeriod())
	}
	r, failure := s.runWithTurn(run{Period: period, Trigger: byRequest, api: s.api.With(asks), dryRun: dryRun})
	if failure == nil {
		return r, nil
	}
	if isRepeatable(failure) && !dryRun {
		signal(s.retry)
	}
	return r, failure
}

func (s *Service) runWithTurn(r run) (run, *meter.Error) {
	s.setCurrent(r.Period)
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
