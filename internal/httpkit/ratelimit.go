package httpkit

import (
	"context"
	"net/http"
	"time"

	"github.com/go-chi/httprate"

	"meterledger/internal/meter"
)

// LimitRate returns middleware that lets each caller send so many requests a minute: each
// credential, and each network of those without one. More are answered 429. 0 sets no limit.
func LimitRate(perMinute int) func(http.Handler) http.Handler {
	if perMinute == 0 {
		return func(next http.Handler) http.Handler { return next }
	}
	counter := httprate.WithLimitCounter(httprate.NewLocalLimitCounter(time.Minute))
	requests := httprate.NewRateLimiter(perMinute, time.Minute, counter)
	rows := httprate.NewRateLimiter(perMinute, time.Minute, counter, httprate.WithResponseHeaders(httprate.ResponseHeaders{}))
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sender, key := "credential", CallerOf(r.Context()).Credential
			if key == "" {
				sender, key = "address", meter.NetworkOf(ClientAddr(r)).String()
			}
			if requests.OnLimit(w, r, key) {
				tooMany := meter.Errorf(meter.KindTooMany, meter.CodeRateLimited, "this %s sends more requests a minute than it may", sender)
				tooMany.RetryAfter = time.Minute
				WriteError(w, r, tooMany)
				return
			}
			pace := &pace{rows: rows, key: key, perSecond: max(1, perMinute/60)}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), paceKey{}, pace)))
		})
	}
}

// paceKey is of the context of a request whose caller has a rate; its value is the *pace.
type paceKey struct{}

// pace is how fast a caller may send rows.
type pace struct {
	rows      *httprate.RateLimiter
	key       string
	perSecond int
}

// Pace counts rows of a request's body as requests, and returns when the caller may send more: a
// bulk that is over the rate is read more slowly, and not refused half way. All bulks of a caller
// share its rate. The error is that of ctx.
func Pace(ctx context.Context, rows int) error {
	p, limited := ctx.Value(paceKey{}).(*pace)
	for limited && rows > 0 {
		part := min(rows, p.perSecond)
		counted, _ := http.NewRequestWithContext(httprate.WithIncrement(ctx, part), "", "/", nil) // of which only the context is asked
		if !p.rows.OnLimit(nil, counted, p.key) {
			rows -= part
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
	return nil
}
