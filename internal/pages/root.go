package pages

import (
	"net/http"
	"net/url"

	"meterledger/api"
	"meterledger/internal/config"
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
	httpkit.Vary(w, varyRoot)
	if !httpkit.WantsPage(r) {
		build := config.ThisBuild()
		httpkit.WriteJSON(w, http.StatusOK, api.Root{
			Name: "meterledger api", Version: build.Version, Commit: build.Commit, Links: map[string]string{"docs": "/docs", "openapi": "/openapi.json", "ready": "/readyz", "status": "/maintenance/status", "pages": "/ui/"},
		})
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

var varyRoot = []string{"Accept"}

// meterPath is the path of a household's pages.
func meterPath(id meter.ID) string { return "/ui/meters/" + url.PathEscape(string(id)) }
