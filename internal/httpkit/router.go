package httpkit

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"meterledger/internal/meter"
)

// NewRouter returns a router with what all programs answer: /healthz, /metrics
// and the docs pages. Every request is counted and logged, a panic becomes a
// 500, and what is not routed becomes a problem. HEAD is answered as GET is.
func NewRouter(log *slog.Logger, metrics *Metrics) chi.Router {
	r := chi.NewRouter()
	r.Use(observe(log, metrics), limitPatience, headAsGet)
	r.NotFound(notFound)
	r.MethodNotAllowed(methodNotAllowed)
	r.Get("/healthz", healthy)
	r.Method(http.MethodGet, "/metrics", metrics)
	MountDocs(r)
	return r
}

// headAsGet has HEAD routed as GET is; net/http leaves the body out. It stands here
// because chi's package of middleware links a profiler.
func headAsGet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			chi.RouteContext(r.Context()).RouteMethod = http.MethodGet
		}
		next.ServeHTTP(w, r)
	})
}

func healthy(w http.ResponseWriter, _ *http.Request) {
	WriteJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

func notFound(w http.ResponseWriter, r *http.Request) {
	WriteError(w, r, meter.NotFound(meter.CodeNotFound, "there is nothing at %s; /docs lists what there is", quote(r.URL.Path)))
}

func methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	allowed := methodsAllowed(r)
	if len(allowed) == 0 { // the router does not know the method, so it has not looked at the path
		notFound(w, r)
		return
	}
	list := strings.Join(allowed, ", ")
	w.Header().Set("Allow", list)
	WriteError(w, r, &meter.Error{
		Kind: meter.KindMethodNotAllowed, Code: meter.CodeMethodNotAllowed,
		Detail: fmt.Sprintf("%s does not take %s, only %s", quote(r.URL.Path), quote(r.Method), list),
	})
}

// methodsAllowed asks the router which methods it has a route for at r's path:
// it keeps its own list from a handler like ours.
func methodsAllowed(r *http.Request) []string {
	path := r.URL.RawPath
	if path == "" {
		path = r.URL.Path
	}
	routes := chi.RouteContext(r.Context()).Routes
	var allowed []string
	for _, method := range []string{
		http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
	} {
		if !routes.Match(chi.NewRouteContext(), method, path) {
			continue
		}
		allowed = append(allowed, method)
		if method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	return allowed
}
