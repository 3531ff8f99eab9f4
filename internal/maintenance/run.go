package maintenance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"meterledger/api"
	"meterledger/internal/meter"
)

// trigger is what began a run.
type trigger string

const (
	bySchedule trigger = "schedule"
	byRequest  trigger = "request"
	byCatchUp  trigger = "catch_up"
)

// How long a run repeats its request to an api that is away or busy. If the run is on
// request, somebody waits for it.
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

// run is one attempt after another to have one period archived.
type run struct {
	period     meter.Period
	trigger    trigger
	dryRun     bool // asks only what would be written; not kept in the history
	startedAt  time.Time
	finishedAt time.Time
	attempts   int
	archive    api.Archive  // its file is empty if the run failed
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

// archiveOf returns the archive of a period from those that the api has written: it may
// have closed earlier months too.
func archiveOf(done api.MaintenanceResult, period meter.Period) (api.Archive, error) {
	for _, a := range done.Archives {
		if a.Period == period.String() {
			return a, nil
		}
	}
	return api.Archive{}, errNoArchive
}

// message is one sentence about how the run ended.
func (r run) message(k Kind) string {
	if r.err != nil {
		return r.err.Detail
	}
	if r.dryRun {
		return fmt.Sprintf("%s would write %d readings; nothing was written", k.title, r.archive.Rows)
	}
	return k.title + " completed successfully"
}

// retryAfter is how long the caller whose run failed should wait before asking again.
const retryAfter = 30 * time.Second

var errStopping = errors.New("the program is being stopped")

// isPassing reports whether the api may succeed later: it is away or busy, or it has
// failed.
func isPassing(err error) bool {
	var p *api.Problem
	if !errors.As(err, &p) {
		return true
	}
	switch p.Status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return p.Code != meter.CodeArchiveConflict // which waits for an operator
	}
	return false
}

// explain returns why a run failed, for its caller and for /status. What the api says about
// the request itself is passed on.
func (s *Service) explain(r run, err error) *meter.Error {
	var p *api.Problem
	switch {
	case errors.Is(err, errStopping):
		return meter.Unavailable(meter.CodeUpstream, retryAfter,
			"%s is being stopped before the api has archived %s; ask again once it is back", s.kind.program, r.period)
	case errors.As(err, &p) && p.Code != "" && p.Status == http.StatusBadRequest:
		return &meter.Error{Kind: meter.KindInvalid, Code: p.Code, Field: p.Field, Detail: p.Detail}
	case errors.As(err, &p) && p.Code == meter.CodeArchiveConflict:
		return &meter.Error{Kind: meter.KindInternal, Code: p.Code, Detail: p.Detail}
	}
	if r.dryRun {
		return meter.Unavailable(meter.CodeUpstream, retryAfter,
			"the api did not say in %s what it would archive of %s: %s", attempts(r.attempts), r.period, reason(err))
	}
	return meter.Unavailable(meter.CodeUpstream, retryAfter,
		"the api did not archive %s in %s: %s; the run will be tried again", r.period, attempts(r.attempts), reason(err))
}

// isRepeatable reports whether the service tries a failed run again.
func isRepeatable(e *meter.Error) bool { return e.Kind != meter.KindInvalid }

func attempts(count int) string {
	if count == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", count)
}

// reason returns the part of err that is useful to a caller.
func reason(err error) string {
	var (
		p       *api.Problem
		number  syscall.Errno
		address *url.Error
		network net.Error
	)
	switch {
	case errors.As(err, &p):
		return p.Detail
	case errors.As(err, &number):
		return number.Error()
	case errors.As(err, &network) && network.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "it does not answer in time"
	case errors.As(err, &address):
		return address.Err.Error()
	}
	return err.Error()
}
