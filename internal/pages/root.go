package pages

import (
	"net/http"
	"net/url"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// start leads to the root, which has no path below /ui/.
func (s *site) start(w http.ResponseWriter, r *http.Request) error {
	httpkit.Redirect(w, r, "/")
	return nil
}

// root sends a browser to where its caller belongs. Programs get a few words about the api.
func (s *site) root(w http.ResponseWriter, r *http.Request) error {
	if httpkit.TellProgram(w, r, "/maintenance/status", "/ui/") {
		return nil
	}
	caller := httpkit.CallerOf(r.Context())
	switch {
	case !s.Guarded:
		return s.show(w, r, httpkit.Frame{Title: "Start"}, "home", s.examples())
	case caller.Role == meter.NoRole:
		httpkit.Redirect(w, r, "/ui/login")
	case caller.Role == meter.RoleHousehold && len(caller.Scope.Meters) == 1:
		httpkit.Redirect(w, r, meterPath(caller.Scope.Meters[0]))
	case meter.Readers.Has(caller.Role):
		httpkit.Redirect(w, r, "/ui/operator")
	case caller.Role == meter.RoleHousehold:
		httpkit.Redirect(w, r, "/ui/meters")
	default:
		return meter.Errorf(meter.KindForbidden, meter.CodeForbidden, "the role %s has no pages", caller.Role)
	}
	return nil
}

// meterPath is the path of a household's pages.
func meterPath(id meter.ID) string { return "/ui/meters/" + url.PathEscape(string(id)) }
