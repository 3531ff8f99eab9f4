package httpkit

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/mutant"
)

// Door knows who asks.
type Door interface {
	// Caller returns who sent r, and a caller of NoRole if r has no credential. The error is a
	// *meter.Error: KindUnauthorized for a credential that is wrong, has expired or was revoked.
	Caller(r *http.Request) (meter.Caller, error)
}

// know finds out who asks, before anything else of the request is looked at. A credential that
// is sent is judged also where none is needed.
func know(door Door) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			caller, err := anywhere, error(nil)
			if door != nil {
				w.Header()["Vary"] = varyCaller
				inSession := openSession(r)
				caller, err = door.Caller(r)
				if inSession && isUnauthorized(err) {
					endSession(w)
				}
				if inSession && err != nil && (isUnauthorized(err) || needsNobody(r)) { // else nobody whose session is over could log in
					r.Header.Del("Authorization")
					err = nil
				}
			}
			if err != nil {
				WriteError(w, r, err)
				return
			}
			answerOf(w).caller = caller
			next.ServeHTTP(w, r)
		})
	}
}

func isUnauthorized(err error) bool {
	e, ok := err.(*meter.Error)
	return ok && e.Kind == meter.KindUnauthorized
}

// For returns h for callers of some roles, as Admit does. A change is written into the audit log before h
// begins.
func For(roles meter.Roles, h http.Handler) http.Handler {
	return Admit(roles, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := answerOf(w).beginChange(r, roles); err != nil {
			WriteError(w, r, err)
			return
		}
		h.ServeHTTP(w, r)
	}))
}

// Admit returns h for callers of some roles. Others are answered 401 if they sent no credential, and else
// 403, before any look at parameters or body.
func Admit(roles meter.Roles, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch role := answerOf(w).caller.Role; {
		case roles.Has(role) || mutant.RoleLoosened && role != meter.NoRole:
			h.ServeHTTP(w, r)
		case role == meter.NoRole:
			WriteError(w, r, meter.Errorf(meter.KindUnauthorized, meter.CodeUnauthorized,
				"this needs a credential: send the header Authorization: Bearer TOKEN"))
		default:
			WriteError(w, r, meter.Errorf(meter.KindForbidden, meter.CodeForbidden, "the role %s may not do this", role))
		}
	})
}

// varyCaller is what Vary says with access on. It must not be changed.
var varyCaller = []string{"Authorization"}

// Vary says which fields of the request's header an answer depends on; with access on it depends on
// who asks too. The fields must not be changed.
func Vary(w http.ResponseWriter, fields []string) {
	header := w.Header()
	if vary := header["Vary"]; len(vary) > 0 && strings.HasPrefix(vary[0], varyCaller[0]) {
		fields = []string{strings.Join(append(slices.Clip(varyCaller), fields...), ", ")}
	}
	header["Vary"] = fields
}

// Came returns when a request came. Whatever is judged of the request by time is judged by it, so the
// clock is asked once.
func Came(r *http.Request) time.Time {
	if a, ok := r.Context().Value(answerKey{}).(*answer); ok {
		return a.came
	}
	return time.Now()
}

// anywhere is the caller of a context that is of no request.
var anywhere = meter.Caller{Role: meter.RoleOperator, Scope: meter.Scope{IsAll: true}}

// CallerOf returns who sent the request of a context. It must not be changed.
func CallerOf(ctx context.Context) *meter.Caller {
	if a, ok := ctx.Value(answerKey{}).(*answer); ok {
		return &a.caller
	}
	return &anywhere
}
