package pages

import (
	"net/http"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// Behind a balancer the page that follows a change may come from another of several nodes than the one that made it. So a
// change leaves in a cookie the position that the api answered, and for some seconds no page is shown before its node has
// come that far. A node alone answers no position.
const (
	positionHeader  = "Ledger-Position"
	afterHeader     = "Ledger-After"
	positionCookie  = "meterledger-after"
	positionSeconds = 30 // nodes that are well lie behind for less than one
)

// remember has the pages that follow a change show it. The cookie is no secret, and is kept without TLS too.
func remember(w http.ResponseWriter, changed *reply) {
	if at := changed.header.Get(positionHeader); at != "" {
		http.SetCookie(w, &http.Cookie{Name: positionCookie, Value: at, Path: "/ui/", MaxAge: positionSeconds, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	}
}

// after returns the handler of a page, which waits for the position that a change has left. So does what the page asks of
// the api.
func (s *site) after(h http.Handler) http.Handler {
	return httpkit.Handler(func(w http.ResponseWriter, r *http.Request) error {
		if cookie, err := r.Cookie(positionCookie); err == nil {
			r.Header.Set(afterHeader, cookie.Value)
			_, err := s.send(r, http.MethodGet, "/whoami", nil, "")
			switch {
			case meter.CodeOf(err) == meter.CodeInvalidParameter: // the position is that of another ledger of this host
				r.Header.Del(afterHeader)
			case err != nil:
				return err
			}
		}
		h.ServeHTTP(w, r)
		return nil
	})
}
