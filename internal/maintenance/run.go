package maintenance

import (
	"errors"
	"fmt"
	"time"

	"meterledger/api"
	"meterledger/internal/meter"
)

// trigger is why a run was begun.
type trigger string

const (
	bySchedule trigger = "schedule"
	byRequest  trigger = "request"
	byCatchUp  trigger = "catch_up"
)

// How long a run goes on asking an api that is away or busy. Someone waits for
// the answer to a request.
const (
	requestPatience = 30 * time.Second
	patience        = 6 * time.Hour
)

func (t trigger) patience() time.Duration {
	if t == byRequest {
		return requestPatience
	}
	return patience
}

// run is one run, of one period.
type run struct {
	period     string
	trigger    trigger
	dryRun     bool // it only says what would be written, and is not remembered
	startedAt  time.Time
	finishedAt time.Time
	attempts   int
	archive    api.Archive  // its file is empty where the run failed
	err        *meter.Error // why it failed, or nil
}

// perform does one run. The caller has the turn.
func (s *Service) perform(r run) run {
	r.startedAt = time.Now()
	s.log.Info("run started", "period", r.period, "trigger", r.trigger, "dry_run", r.dryRun)
	done, err := s.archive(&r)
	if err == nil {
		r.archive, err = archiveOf(done, r.period)
	}
	if err != nil {
		r.err = s.explain(r, err)
	}
	r.finishedAt = time.Now()
	if !r.dryRun {
		s.keep(r)
	}
	s.logEnd(r, err)
	return r
}

func (s *Service) logEnd(r run, err error) {
	log := s.log.With("period", r.period, "trigger", r.trigger, "attempts", r.attempts,
		"took", r.finishedAt.Sub(r.startedAt).Round(time.Millisecond))
	switch {
	case r.err == nil:
		log.Info("run done", "archive", r.archive.File, "rows", r.archive.Rows)
	case isRepeatable(r.err):
		log.Error("run failed; it will be tried again", "error", err)
	default:
		log.Warn("run refused by the api", "error", err)
	}
}

var errNoArchive = errors.New("the api says that it is done, but names no archive of the period")

// archiveOf finds the archive of a period in what the api has done: it may have
// closed earlier months with it.
func archiveOf(done api.MaintenanceResult, period string) (api.Archive, error) {
	for _, a := range done.Archives {
		if a.Period == period {
			return a, nil
		}
	}
	return api.Archive{}, errNoArchive
}

// message says in one sentence how the run ended.
func (r run) message(k Kind) string {
	if r.err != nil {
		return r.err.Detail
	}
	if r.dryRun {
		return fmt.Sprintf("%s would write %d readings; nothing was written", k.title, r.archive.Rows)
	}
	return k.title + " completed successfully"
}
