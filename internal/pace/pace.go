// Package pace limits how many requests, and rows of their bodies, a caller may send. It is a room of its own, since
// daily and monthly need none of it.
package pace

import (
	"context"
	"net/http"
	"time"

	"github.com/go-chi/httprate"

	"meterledger/internal/meter"
)

// Limit returns middleware that lets each sender send so many requests a minute. More are refused as too
// many. 0 sets no limit. sender says by key who it is, and what the key is of, in a word.
func Limit(perMinute int, sender func(*http.Request) (key, what string), refuse func(http.ResponseWriter, *http.Request, error)) func(http.Handler) http.Handler {
	if perMinute == 0 {
		return func(next http.Handler) http.Handler { return next }
	}
	counter := httprate.WithLimitCounter(httprate.NewLocalLimitCounter(time.Minute))
	requests := httprate.NewRateLimiter(perMinute, time.Minute, counter)
	rows := httprate.NewRateLimiter(perMinute, time.Minute, counter, httprate.WithResponseHeaders(httprate.ResponseHeaders{}))
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			key, what := sender(r)
			if requests.OnLimit(w, r, key) {
				tooMany := meter.Errorf(meter.KindTooMany, meter.CodeRateLimited, "this %s sends more requests a minute than it may", what)
				tooMany.RetryAfter = time.Minute
				refuse(w, r, tooMany)
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

// Rows counts rows of a request's body as requests, and returns when the caller may send more: a
// bulk that is over the rate is read more slowly, and not refused half way. All bulks of a caller
// share its rate. The error is that of ctx.
func Rows(ctx context.Context, rows int) error {
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
