// Package pages are the pages that people look at: a household sees its energy, an operator the
// nation.
//
// They are made whole on this side, and work without a script. Readings come from package query,
// and everything else from the api's own answers, so a page and an answer cannot differ; what a
// button does the api does, asked by whoever pressed it.
package pages

import (
	"bytes"
	"context"
	"embed"
	"html/template"
	"log/slog"
	"net/http"

	"github.com/go-chi/chi/v5"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/pace"
	"meterledger/internal/query"
)

// Options are what pages are made from.
type Options struct {
	API     http.Handler // which is asked for all that is no reading
	Reader  *query.Reader
	Metrics *httpkit.Metrics
	Log     *slog.Logger
	Guarded bool // access is on: else whoever asks is an operator, and may look as a household does
	// RateLimit is how many pages a minute one caller may open, besides what they ask of the API; 0 means any.
	RateLimit int
}

// site holds what the handlers share.
type site struct {
	Options
	zone     *meter.Zone
	sampler  sampler
	coverage coverage
}

// Mount adds the pages to the api's router. They are kept up to date until ctx ends.
func Mount(ctx context.Context, r chi.Router, o Options) {
	s := &site{Options: o, zone: o.Reader.Zone(), sampler: sampler{metrics: o.Metrics, log: o.Log}}
	go s.sampler.run(ctx)
	limited := pace.Limit(o.RateLimit, httpkit.RateKey, httpkit.WriteError)
	for _, route := range s.routes() {
		h := route.handler
		if route.method == http.MethodGet && route.roles != meter.Anyone {
			h = s.after(h)
		}
		r.Method(route.method, route.pattern, httpkit.For(route.roles, limited(h)))
	}
	assets.Mount(r)
}

// route is a page.
type route struct {
	method, pattern string
	roles           meter.Roles // who may look
	handler         http.Handler
}

// routes is the table of the pages.
func (s *site) routes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		{get, "/", meter.Anyone, httpkit.Handler(s.root)},
		{get, "/ui/", meter.Anyone, httpkit.Handler(s.start)},
		{get, "/ui/meters", meter.Homes, httpkit.Take(s.zone, s.choose)},
		{get, "/ui/meters/{meter_id}", meter.Homes, httpkit.Take(s.zone, s.today)},
		{get, "/ui/meters/{meter_id}/usage", meter.Homes, httpkit.Take(s.zone, s.usage)},

		// What a household paid for, and what is known of it.
		{get, "/ui/meters/{meter_id}/bills", meter.Homes, httpkit.Take(s.zone, s.bills)},
		{get, "/ui/meters/{meter_id}/bills/{month}", meter.Homes, httpkit.Take(s.zone, s.bill)},
		{get, "/ui/meters/{meter_id}/about", meter.Homes, httpkit.Take(s.zone, s.about)},

		// How the nation is metered, what is archived, and what runs.
		{get, "/ui/operator", meter.Readers, httpkit.Handler(s.now)},
		{get, "/ui/operator/archives", meter.Readers, httpkit.Take(s.zone, s.archives)},
		{get, "/ui/operator/runs", meter.Readers, httpkit.Handler(s.runs)},

		// Meters: search, one of them, and what is missing of many.
		{get, "/ui/operator/meters", meter.Readers, httpkit.Handler(s.meters)},
		{get, "/ui/operator/meters/{meter_id}", meter.Readers, httpkit.Take(s.zone, s.staffMeter)},
		{get, "/ui/operator/gaps", meter.Readers, httpkit.Handler(s.gaps)},

		// What operators do, and who did it.
		{get, "/ui/operator/actions/{action}", meter.Operators, httpkit.Handler(s.confirm)},
		{post, "/ui/operator/actions/{action}", meter.Operators, httpkit.Handler(s.act)},
		{get, "/ui/operator/exceptions", meter.Readers, httpkit.Handler(s.exceptions)},
		{get, "/ui/operator/log", meter.Readers, httpkit.Handler(s.log)},
	}
}

//go:embed templates
var templateFiles embed.FS

var templates = template.Must(template.New("").ParseFS(templateFiles, "templates/*.html"))

//go:embed assets
var assetFiles embed.FS

var assets = httpkit.NewAssets(assetFiles, "assets")

// show answers with a page: a template of that name, filled with a view.
func (s *site) show(w http.ResponseWriter, r *http.Request, f httpkit.Frame, name string, view any) error {
	return s.showAs(w, r, http.StatusOK, f, name, view)
}

// showAs is show with a status.
func (s *site) showAs(w http.ResponseWriter, r *http.Request, status int, f httpkit.Frame, name string, view any) error {
	body, err := part(name, view)
	if err != nil {
		return err
	}
	if f.Note == "" {
		f.Note = "Times are those of " + s.zone.String()
	}
	httpkit.WritePage(w, r, status, f, httpkit.HTML(body))
	return nil
}

// part returns a part of a page: a template of that name, filled with a view.
func part(name string, view any) (template.HTML, error) {
	var text bytes.Buffer
	err := templates.ExecuteTemplate(&text, name, view)
	return template.HTML(text.String()), err
}
