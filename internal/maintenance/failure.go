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

// retryAfter is when who asked for a run that failed may ask again.
const retryAfter = 30 * time.Second

var errStopping = errors.New("the program is being stopped")

// isPassing reports whether the api may well do later what it did not do now:
// it is away, or busy, or stumbled.
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

// explain says why a run failed, to whoever asked for it and in /status. What the
// api says of the request itself is passed on as it is.
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
