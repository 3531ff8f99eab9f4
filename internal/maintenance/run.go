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

	"meterledger/internal/client"
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
	period     meter.Period
	trigger    trigger
	dryRun     bool // it only says what would be written, and is not remembered
	startedAt  time.Time
	finishedAt time.Time
	attempts   int
	archive    client.Archive // its file is empty where the run failed
	err        *meter.Error   // why it failed, or nil
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
func archiveOf(done client.Maintenance, period meter.Period) (client.Archive, error) {
	for _, a := range done.Archives {
		if a.Period == period.String() {
			return a, nil
		}
	}
	return client.Archive{}, errNoArchive
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

// retryAfter is when who asked for a run that failed may ask again.
const retryAfter = 30 * time.Second

var errStopping = errors.New("the program is being stopped")

// isPassing reports whether the api may well do later what it did not do now:
// it is away, or busy, or stumbled.
func isPassing(err error) bool {
	var p *client.Problem
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

// explain says why a run failed, to whoever asked for it and in /status. What the
// api says of the request itself is passed on as it is.
func (s *Service) explain(r run, err error) *meter.Error {
	var p *client.Problem
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

// isRepeatable reports whether it is for us to try a failed run again.
func isRepeatable(e *meter.Error) bool { return e.Kind != meter.KindInvalid }

func attempts(count int) string {
	if count == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", count)
}

// reason is the part of err that tells a caller something.
func reason(err error) string {
	var (
		p       *client.Problem
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
