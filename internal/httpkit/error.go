package httpkit

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"meterledger/api"
	"meterledger/internal/meter"
)

// statusOf is the one table from kinds of error to HTTP statuses.
var statusOf = map[meter.Kind]int{
	meter.KindInternal:         http.StatusInternalServerError,
	meter.KindInvalid:          http.StatusBadRequest,
	meter.KindUnauthorized:     http.StatusUnauthorized,
	meter.KindNotFound:         http.StatusNotFound,
	meter.KindForbidden:        http.StatusForbidden,
	meter.KindMethodNotAllowed: http.StatusMethodNotAllowed,
	meter.KindTooLarge:         http.StatusRequestEntityTooLarge,
	meter.KindUnsupportedMedia: http.StatusUnsupportedMediaType,
	meter.KindTooMany:          http.StatusTooManyRequests,
	meter.KindTimeout:          http.StatusRequestTimeout,
	meter.KindUnavailable:      http.StatusServiceUnavailable,
}

// StatusOf returns the HTTP status of a kind of error.
func StatusOf(kind meter.Kind) int { return statusOf[kind] }

// KindOf returns the kind of error that a status is of.
func KindOf(status int) meter.Kind {
	for kind, of := range statusOf {
		if of == status {
			return kind
		}
	}
	return meter.KindInternal
}

// statusClientGone is logged and counted for a caller who hung up before the answer.
// Nobody receives it.
const statusClientGone = 499

// ExtendedError is an error whose problem has members of its own.
type ExtendedError struct {
	Err    error
	Extend func(api.Problem) any // returns the body of the answer
}

func (e *ExtendedError) Error() string { return e.Err.Error() }

func (e *ExtendedError) Unwrap() error { return e.Err }

// WriteError answers with err as a problem: the *meter.Error in err's chain, 413 for an
// *http.MaxBytesError, 408 for ErrSlowBody. Any other error is logged, and answered 500
// without its text.
//
// If the answer has begun already, WriteError breaks the connection by panicking with
// http.ErrAbortHandler, so that nobody takes half an answer for a whole one.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	instance := ""
	if a := answerOf(w); a != nil {
		a.cause, instance = err, a.id[0]
		if a.status != 0 {
			panic(http.ErrAbortHandler)
		}
	}
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		w.WriteHeader(statusClientGone)
		return
	}
	public := publicError(err)
	if a := answerOf(w); public.Kind == meter.KindInternal && a != nil && a.program != nil && a.program.IsOwn != nil && a.program.IsOwn(err) {
		public = errOwn
	}
	setProblemHeader(w, public)
	if answerOf(w) != nil && isPage(r) {
		writeErrorPage(w, r, public, instance)
		return
	}
	extend := func(p api.Problem) any { return p }
	if extended, ok := errors.AsType[*ExtendedError](err); ok {
		extend = extended.Extend
	}
	status := statusOf[public.Kind]
	writeBody(w, typeProblem, status, Encode(extend(api.Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: public.Detail, Code: public.Code, Field: public.Field,
		Instance: instance, Reason: public.Reason,
	})))
}

// errOwn is the answer to what another node does.
var errOwn = meter.Unavailable(meter.CodeNotReady, time.Second, "this node has failed, and the others go on: the same request may be sent again")

// publicError returns what a caller may know of err.
func publicError(err error) *meter.Error {
	var tooLarge *http.MaxBytesError
	var public *meter.Error
	switch {
	case errors.As(err, &tooLarge):
		return meter.Errorf(meter.KindTooLarge, meter.CodeTooLarge, "the body is larger than %d bytes", tooLarge.Limit)
	case errors.Is(err, ErrSlowBody):
		return meter.Errorf(meter.KindTimeout, meter.CodeRequestTimeout,
			"the body came too slowly: parameters have %.0f seconds, and what is longer comes at %d bytes a second", patienceMax.Seconds(), bodyRate)
	case errors.As(err, &public):
		return public
	}
	return meter.Errorf(meter.KindInternal, meter.CodeInternal,
		"something went wrong on our side, it has been logged; the same request may be sent again")
}

// setProblemHeader sets what the header of a problem says, whatever its form.
func setProblemHeader(w http.ResponseWriter, e *meter.Error) {
	switch e.Kind {
	case meter.KindUnavailable, meter.KindTooMany:
		w.Header().Set("Retry-After", wholeSeconds(e.RetryAfter))
	case meter.KindUnauthorized:
		w.Header()["Www-Authenticate"] = howToAsk
	}
	w.Header().Del("ETag") // of the answer that the problem replaces
	w.Header().Del("Content-Disposition")
	w.Header().Set("Cache-Control", KeepNothing)
}

// howToAsk is WWW-Authenticate of a 401 (RFC 9110). It does not name Basic, for which browsers would
// open a window of their own.
var howToAsk = []string{`Bearer realm="meterledger"`}

// wholeSeconds returns d in seconds, rounded up and at least 1.
func wholeSeconds(d time.Duration) string {
	return strconv.FormatInt(int64(max(1, (d+time.Second-1)/time.Second)), 10)
}

// Detail returns the sentence that WriteError answers err with.
func Detail(err error) string { return publicError(err).Detail }
