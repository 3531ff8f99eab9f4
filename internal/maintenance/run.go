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
	"meterledger/internal/client"
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

// run is one attempt after another to have one period archived. The history keeps its
// exported fields.
type run struct {
	Period     meter.Period `json:"period"`
	Trigger    trigger      `json:"trigger"`
	StartedAt  time.Time    `json:"started_at"`
	FinishedAt time.Time    `json:"finished_at"`
	Attempts   int          `json:"attempts"`
	Archive    api.Archive  `json:"archive"`          // its file is empty if the run failed
	Code       meter.Code   `json:"code,omitempty"`   // of the failure, if the run failed
	Detail     string       `json:"detail,omitempty"` // of the failure

	api     *client.Client // asks for the service, or for the caller who wants the run
	dryRun  bool           // asks only what would be written; not kept in the history
	written []string       // the periods that the api has archived, others among them
}

// perform does one run, and returns why it failed, or nil. The caller has the turn.
func (s *Service) perform(r run) (run, *meter.Error) {
	r.StartedAt = time.Now().UTC()
	s.log.Info("run started", "period", r.Period, "trigger", r.Trigger, "dry_run", r.dryRun)
	done, err := s.archive(&r)
	if err == nil {
		r.Archive, err = archiveOf(done, r.Period)
	}
	for _, archive := range done.Archives {
		r.written = append(r.written, archive.Period)
	}
	var failure *meter.Error
	if err != nil {
		failure = s.explain(r, err)
		r.Code, r.Detail = failure.Code, failure.Detail
	}
	r.FinishedAt = time.Now().UTC()
	if !r.dryRun && !isUnwelcome(failure) {
		s.figures.ended(failure, r.FinishedAt)
		s.keep(r, failure)
	}
	s.logEnd(r, failure, err)
	return r, failure
}

func (s *Service) logEnd(r run, failure *meter.Error, err error) {
	log := s.log.With("period", r.Period, "trigger", r.Trigger, "dry_run", r.dryRun, "attempts", r.Attempts,
		"took", r.FinishedAt.Sub(r.StartedAt).Round(time.Millisecond))
	switch {
	case failure == nil:
		log.Info("run done", "archive", r.Archive.File, "rows", r.Archive.Rows)
	case isRepeatable(failure) && r.dryRun:
		log.Error("run failed", "error", err)
	case isUnwelcome(failure):
		log.Warn("run refused by the api: whoever asked for it may not", "error", err)
	case isRepeatable(failure):
		log.Error("run failed; it will be tried again", "error", err)
	default:
		log.Warn("run refused by the api; it is not tried again before an operator asks for it or the api's state of the period changes", "error", err)
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

// succeeded is about a run that has ended.
func (r run) succeeded() bool { return r.Code == "" }

// message is one sentence about how the run ended.
func (r run) message(k Kind) string {
	switch {
	case !r.succeeded():
		return r.Detail
	case r.dryRun:
		return fmt.Sprintf("%s would write %d readings; nothing was written", k.title, r.Archive.Rows)
	}
	return k.title + " completed successfully"
}

// retryAfter is how long the caller whose run failed should wait before asking again.
const retryAfter = 30 * time.Second

var errStopping = errors.New("the program is being stopped")

// isPassing reports whether the api may succeed later: it is away or busy, it has failed, or
// it does not know the service, whose token an operator can put right meanwhile.
func (r run) isPassing(err error) bool {
	if hindrance(err) == meter.ReasonOtherZone {
		return false
	}
	var p *api.Problem
	if !errors.As(err, &p) {
		return true
	}
	if isUnwelcome(refusalOf(err)) {
		return r.Trigger != byRequest
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
			"%s is being stopped before the api has archived %s; ask again once it is back", s.kind.program, r.Period)
	case errors.As(err, &p) && p.Code != "" && p.Status == http.StatusBadRequest:
		return &meter.Error{Kind: meter.KindInvalid, Code: p.Code, Field: p.Field, Detail: p.Detail}
	case errors.As(err, &p) && p.Code == meter.CodeArchiveConflict:
		return &meter.Error{Kind: meter.KindInternal, Code: p.Code, Detail: p.Detail}
	case r.Trigger == byRequest && isUnwelcome(refusalOf(err)):
		return refusalOf(err)
	}
	if r.dryRun {
		return meter.Unavailable(meter.CodeUpstream, retryAfter,
			"the api did not say in %s what it would archive of %s: %s", attempts(r.Attempts), r.Period, reason(err))
	}
	return meter.Unavailable(meter.CodeUpstream, retryAfter,
		"the api did not archive %s in %s: %s; the run will be tried again", r.Period, attempts(r.Attempts), reason(err))
}

// isUnwelcome reports whether a run failed because of who asked for it. Then nothing was tried,
// and nothing is to be remembered.
func isUnwelcome(e *meter.Error) bool {
	return e != nil && (e.Kind == meter.KindUnauthorized || e.Kind == meter.KindForbidden)
}

// isRepeatable reports whether the service tries a failed run again although nothing has
// changed.
func isRepeatable(e *meter.Error) bool {
	return e.Kind != meter.KindInvalid && e.Code != meter.CodeArchiveConflict && !isUnwelcome(e)
}

func attempts(count int) string {
	if count == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", count)
}

// reason returns the part of err that is useful to a caller.
func reason(err error) string {
	var (
		own     *ownRefusalError
		p       *api.Problem
		token   *client.TokenError
		number  syscall.Errno
		address *url.Error
		network net.Error
	)
	switch {
	case errors.As(err, &own):
		return own.Error()
	case errors.As(err, &p):
		return p.Detail
	case errors.As(err, &token):
		return token.Error()
	case errors.As(err, &number):
		return number.Error()
	case errors.As(err, &network) && network.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "it does not answer in time"
	case errors.As(err, &address):
		return address.Err.Error()
	}
	return err.Error()
}
