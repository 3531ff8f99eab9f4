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
	meter.KindNotFound:         http.StatusNotFound,
	meter.KindMethodNotAllowed: http.StatusMethodNotAllowed,
	meter.KindTooLarge:         http.StatusRequestEntityTooLarge,
	meter.KindUnsupportedMedia: http.StatusUnsupportedMediaType,
	meter.KindTooMany:          http.StatusTooManyRequests,
	meter.KindTimeout:          http.StatusRequestTimeout,
	meter.KindUnavailable:      http.StatusServiceUnavailable,
}

// statusClientGone stands in the log and the metrics for a caller who hung up before
// the answer. Nobody receives it.
const statusClientGone = 499

// WriteError answers with err as a problem. The caller is told a *meter.Error from
// anywhere in err's chain, or a 413 if a body was over its limit. Anything else is
// logged and answered 500 in a plain sentence, never with err's text.
//
// If the answer has begun already, WriteError breaks the connection by panicking
// with http.ErrAbortHandler, so that half an answer cannot pass for a whole one.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	told := toldError(err)
	if a := answerOf(w); a != nil {
		a.cause = err
		if a.status != 0 {
			panic(http.ErrAbortHandler)
		}
	}
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		w.WriteHeader(statusClientGone)
		return
	}
	writeProblem(w, told)
}

// toldError returns what the caller is told of err.
func toldError(err error) *meter.Error {
	var tooLarge *http.MaxBytesError
	var told *meter.Error
	switch {
	case errors.As(err, &tooLarge):
		return meter.Errorf(meter.KindTooLarge, meter.CodeTooLarge, "the body is larger than %d bytes", tooLarge.Limit)
	case errors.Is(err, ErrSlowBody):
		return meter.Errorf(meter.KindTimeout, meter.CodeRequestTimeout, "nothing of the body arrived for %.0f seconds", bodyPatience.Seconds())
	case errors.As(err, &told):
		return told
	}
	return meter.Errorf(meter.KindInternal, meter.CodeInternal,
		"something went wrong on our side, it has been logged; the same request may be sent again")
}

func writeProblem(w http.ResponseWriter, e *meter.Error) {
	status := statusOf[e.Kind]
	body := Encode(api.Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: e.Detail, Code: e.Code, Field: e.Field,
	})
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", wholeSeconds(e.RetryAfter))
	}
	for _, name := range []string{"ETag", "Content-Disposition"} { // of the answer that the problem replaces
		w.Header().Del(name)
	}
	w.Header().Set("Cache-Control", KeepNothing)
	if status == http.StatusRequestTimeout {
		w.Header().Set("Connection", "close") // the rest of the body is not waited for
	}
	writeBody(w, typeProblem, status, body)
}

// wholeSeconds writes d in seconds, rounded up and at least 1.
func wholeSeconds(d time.Duration) string {
	return strconv.FormatInt(int64(max(1, (d+time.Second-1)/time.Second)), 10)
}

// Detail returns the sentence that a caller is told of err.
func Detail(err error) string { return toldError(err).Detail }
