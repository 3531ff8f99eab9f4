package httpkit

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"meterledger/api"
	"meterledger/internal/meter"
	"meterledger/internal/metric"
)

// observe counts and logs every request, and answers a panic with 500. Only the program's
// own failures are logged as errors. Refusals, 503 included, are logged at debug level, so
// that a rush of them cannot fill the disk; a line a minute says how many were refused.
func observe(p *Program, routes *chi.Mux) http.Handler {
	log, metrics := p.Log, p.Metrics
	refused := &metric.Minute{Log: log, Message: "requests were refused with 503 in the last minute", Unit: "requests"}
	ways := &sync.Pool{New: func() any { return chi.NewRouteContext() }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		way := ways.Get().(*chi.Context)
		way.Reset()
		way.Routes = routes
		a := &answer{ResponseWriter: w, program: p, id: [1]string{requestID(r)}, came: time.Now()}
		a.context = requestContext{r.Context(), a, way}
		w.Header()[requestIDHeader] = a.id[:]
		r = r.WithContext(&a.context)
		defer func() {
			took := time.Since(a.came)
			a.begin(http.StatusOK) // a handler that wrote nothing answered 200
			metrics.request(r.Method, routeOf(way), a.status, took)
			if a.status == http.StatusServiceUnavailable {
				refused.Add(string(meter.CodeOf(a.cause)))
			}
			logRequest(log, r, a, took)
			a.audit(r)
			ways.Put(way)
		}()
		defer recoverPanic(a, r)
		routes.ServeHTTP(a, r)
	})
}

// routeOf returns the pattern of the route that a request has gone.
func routeOf(way *chi.Context) string {
	if pattern := way.RoutePattern(); pattern != "" {
		return pattern
	}
	return "none"
}

// panicError is the error of a handler that panicked.
type panicError struct {
	reason any
	stack  string
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.reason) }

func recoverPanic(a *answer, r *http.Request) {
	switch reason := recover(); reason {
	case nil:
	case http.ErrAbortHandler: // net/http breaks the connection
		panic(reason)
	default:
		WriteError(a, r, &panicError{reason, string(debug.Stack())})
	}
}

func logRequest(log *slog.Logger, r *http.Request, a *answer, took time.Duration) {
	level := slog.LevelDebug
	// A caller who hangs up makes writes and waits fail: not a failure of the program.
	ours := a.cause != nil && publicError(a.cause).Kind == meter.KindInternal && r.Context().Err() == nil
	if ours || a.status == http.StatusInternalServerError {
		level = slog.LevelError
	}
	if !log.Enabled(r.Context(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("request_id", a.id[0]), slog.String("method", logged(r.Method)), slog.String("path", LoggedPath(r)), slog.Int("status", a.status),
		slog.Duration("took", took), slog.String("from", from(r)),
	}
	if a.cause != nil {
		attrs = append(attrs, slog.String("error", withoutSecrets(a.cause.Error())))
	}
	if p, ok := a.cause.(*panicError); ok {
		attrs = append(attrs, slog.String("stack", p.stack))
	}
	log.LogAttrs(r.Context(), level, "request", attrs...)
}

// LoggedPath returns r's path as the log shows it: without secrets, and cut if it is long.
func LoggedPath(r *http.Request) string { return logged(r.URL.Path) }

// answer is a ResponseWriter that keeps status and error for the logs and the metrics, and who
// is answered.
type answer struct {
	http.ResponseWriter
	came    time.Time
	status  int   // 0 until the answer has begun
	cause   error // of WriteError
	caller  meter.Caller
	body    *patientBody   // of the request, if a refusal must not wait for it
	change  *api.AuditLine // of which the audit log has the beginning; nil if there is none
	id      [1]string      // of the request; an array, because a header is a slice and this saves an allocation
	context requestContext

	program *Program // that answers
}

// answerKey is of a request's context within NewRouter's routers; its value is the *answer.
type answerKey struct{}

// requestContext is a request's context within NewRouter's routers. It has the answer and also what chi, which
// would else make a context of its own, looks for: each costs a copy of the request.
type requestContext struct {
	context.Context
	answer *answer
	way    *chi.Context
}

func (c *requestContext) Value(key any) any {
	switch key {
	case answerKey{}:
		return c.answer
	case chi.RouteCtxKey:
		return c.way
	}
	return c.Context.Value(key)
}

func (a *answer) begin(status int) {
	if a.status != 0 || status < http.StatusOK {
		return
	}
	a.status = status
	if a.body != nil && !a.body.ended && status >= http.StatusBadRequest {
		a.body.refused = true
		a.Header().Set("Connection", "close")
	}
}

func (a *answer) WriteHeader(status int) {
	a.begin(status)
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	a.begin(http.StatusOK)
	return a.ResponseWriter.Write(b)
}

// FlushError is Flush of http.ResponseController, which begins the answer.
func (a *answer) FlushError() error {
	a.begin(http.StatusOK)
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// answerOf returns the answer that w is or wraps, or nil outside of NewRouter's routers.
func answerOf(w http.ResponseWriter) *answer {
	for {
		switch v := w.(type) {
		case *answer:
			return v
		case interface{ Unwrap() http.ResponseWriter }:
			w = v.Unwrap()
		default:
			return nil
		}
	}
}
