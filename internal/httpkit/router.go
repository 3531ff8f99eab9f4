// Package httpkit is what all HTTP programs of the suite have in common: it reads
// parameters, answers with JSON or with a problem, routes, measures, listens, serves
// and stops.
//
// It promises that a caller's mistake is never answered 500, that the text of an
// internal error is logged and never sent, and that every request is read with a limit.
package httpkit

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"

	"meterledger/api"
	"meterledger/internal/meter"
)

// Handler is a handler that may return an error instead of writing one.
type Handler func(http.ResponseWriter, *http.Request) error

func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := h(w, r); err != nil {
		WriteError(w, r, err)
	}
}

// Take returns a handler that calls h with the parameters that Bind has put into a Q.
func Take[Q any](zone *meter.Zone, h func(http.ResponseWriter, *http.Request, *Q) error) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		var q Q
		if err := bind(r, zone, &q, hasParametersInBody(r), answerOf(w)); err != nil {
			return err
		}
		return h(w, r, &q)
	}
}

// Answer is Take for a handler whose answer is 200 and an A as JSON.
func Answer[Q, A any](zone *meter.Zone, h func(context.Context, *Q) (A, error)) Handler {
	return Take(zone, func(w http.ResponseWriter, r *http.Request, q *Q) error {
		answer, err := h(r.Context(), q)
		if err == nil {
			WriteJSON(w, http.StatusOK, answer)
		}
		return err
	})
}

// Program is what a router must know of its program.
type Program struct {
	Name      api.Program // whose paths the docs pages show
	Log       *slog.Logger
	Metrics   *Metrics
	Hosts     Hosts
	Door      Door         // nil with access off: whoever asks is an operator
	Proxies   Proxies      // whose word on who asks is believed
	Audit     Audit        // nil for none
	SwaggerUI http.Handler // answers the paths below /docs/ that SwaggerUI has
	// IsOwn reports whether what went wrong is the fault of this process or its machine, so that another node does what
	// was asked: then the answer is 503, not 500. Nil for a program that is alone.
	IsOwn func(error) bool
}

// NewRouter returns a NewBareRouter with what all programs answer: /healthz, /metrics and the
// docs pages.
func NewRouter(p Program) chi.Router {
	r := NewBareRouter(&p)
	r.Get("/healthz", healthy)
	r.Method(http.MethodGet, "/metrics", here(p.Metrics, For(meter.Readers, p.Metrics)))
	MountDocs(r, p.Name, p.SwaggerUI)
	look.Mount(r)
	r.Method(http.MethodGet, "/favicon.ico", For(meter.Anyone, withDocsPolicy(setHeader("Cache-Control", keepADay)(compressedFile("icon.svg", look.packed["icon.svg"])))))
	mountLogin(r, &p)
	return r
}

// NewBareRouter returns a router that counts and logs every request, refuses those of foreign web
// pages, finds out who asks, limits how slowly a body may come, and answers a panic with 500, an
// unknown path with a problem, and HEAD as GET.
func NewBareRouter(p *Program) chi.Router {
	r := chi.NewRouter()
	r.Use(limitSlowness, guard(p.Hosts), know(p.Door), oneMeaning, headAsGet, equalPaths)
	r.NotFound(notFound)
	r.MethodNotAllowed(methodNotAllowed)
	return &router{r, resetIfCut(limitStreams(observe(p, r)))}
}

// router is chi's, which requests reach by way of what gives them their context.
type router struct {
	*chi.Mux
	entry http.Handler
}

func (r *router) ServeHTTP(w http.ResponseWriter, asked *http.Request) { r.entry.ServeHTTP(w, asked) }

// headAsGet routes HEAD as GET; net/http leaves the body out. chi's own middleware for
// this would link a profiler.
func headAsGet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			chi.RouteContext(r.Context()).RouteMethod = http.MethodGet
		}
		next.ServeHTTP(w, r)
	})
}

// equalPaths routes a path by its plain form: RFC 3986 makes %5F and an underscore, and all
// other characters that need no encoding, the same.
func equalPaths(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawPath != "" {
			chi.RouteContext(r.Context()).RoutePath = encodedUnreserved.ReplaceAllStringFunc(r.URL.RawPath, func(encoded string) string {
				plain, _ := url.PathUnescape(encoded) // the expression matches nothing else
				return plain
			})
		}
		next.ServeHTTP(w, r)
	})
}

// encodedUnreserved is a letter, a digit or one of -._~ in percent-encoding.
var encodedUnreserved = regexp.MustCompile(`%(?i:2[DE]|3[0-9]|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])`)

func healthy(w http.ResponseWriter, _ *http.Request) {
	WriteJSON(w, http.StatusOK, api.Health{Status: "ok"})
}

func notFound(w http.ResponseWriter, r *http.Request) {
	WriteError(w, r, meter.NotFound(meter.CodeNotFound, "there is nothing at %s; /docs lists what there is", quote(r.URL.Path)))
}

func methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	allowed := methodsAllowed(r)
	if len(allowed) == 0 { // chi does not know the method, so it has not looked for the path
		notFound(w, r)
		return
	}
	list := strings.Join(allowed, ", ")
	w.Header().Set("Allow", list)
	WriteError(w, r, meter.Errorf(meter.KindMethodNotAllowed, meter.CodeMethodNotAllowed,
		"%s does not take %s, only %s", quote(r.URL.Path), quote(r.Method), list))
}

// methodsAllowed returns the methods that the router has a route for at r's path.
func methodsAllowed(r *http.Request) []string {
	path := cmp.Or(chi.RouteContext(r.Context()).RoutePath, r.URL.Path)
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

// Gate lets a program listen before it is ready. Until Open it answers /healthz,
// /metrics and the docs pages; everything else gets 503 not_ready.
type Gate struct {
	handler atomic.Pointer[http.Handler]
}

// NewGate returns a closed gate. progress returns one sentence on how far the start has
// come; it must be safe for concurrent use.
func NewGate(p Program, progress func() string) *Gate {
	closed := NewRouter(p)
	closed.NotFound(func(w http.ResponseWriter, r *http.Request) {
		WriteError(w, r, meter.Unavailable(meter.CodeNotReady, time.Second, "%s", progress()).Because(meter.ReasonStarting))
	})
	g := &Gate{}
	g.Open(closed)
	return g
}

// Open hands all later requests to h.
func (g *Gate) Open(h http.Handler) { g.handler.Store(&h) }

func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*g.handler.Load()).ServeHTTP(w, r)
}
