package httpkit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// statusClientGone is what the log and the metrics say of a caller who hung up
// before the answer. Nobody receives it.
const statusClientGone = 499

// WriteError answers with err as a problem. A *meter.Error anywhere in err's
// chain is told to the caller, a body over its limit is a 413; anything else is
// logged and answered 500 in a plain sentence, never with err's text.
//
// Where the answer has begun already, all that is left is to break the
// connection, so that half an answer cannot pass for a whole one: WriteError
// then panics with http.ErrAbortHandler.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	told := toldError(err)
	if a := answerOf(w); a != nil {
		a.cause = err
		if a.status != 0 {
			panic(http.ErrAbortHandler)
		}
	} else if told.Kind == meter.KindInternal {
		slog.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "error", err)
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
	if errors.As(err, &tooLarge) {
		return &meter.Error{
			Kind: meter.KindTooLarge, Code: meter.CodeTooLarge,
			Detail: fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit),
		}
	}
	if errors.Is(err, ErrSlowBody) {
		return &meter.Error{
			Kind: meter.KindTimeout, Code: meter.CodeRequestTimeout,
			Detail: fmt.Sprintf("nothing of the body arrived for %.0f seconds", bodyPatience.Seconds()),
		}
	}
	var told *meter.Error
	if errors.As(err, &told) {
		return told
	}
	return &meter.Error{
		Kind: meter.KindInternal, Code: meter.CodeInternal,
		Detail: "something went wrong on our side, it has been logged; the same request may be sent again",
	}
}

func writeProblem(w http.ResponseWriter, e *meter.Error) {
	status := statusOf[e.Kind]
	body := Encode(api.Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: e.Detail, Code: e.Code, Field: e.Field,
	})
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", wholeSeconds(e.RetryAfter))
	}
	for _, name := range []string{"ETag", "Content-Disposition"} { // those of the answer that was not to be
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
