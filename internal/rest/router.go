// Package rest is the HTTP edge of the api: it parses and checks requests, hands them to
// the ledger, the reader and the runs, and writes their answers. It decides nothing about
// readings.
//
// The route table lists every endpoint; each feature is one file. A handler gets its
// request parsed, and returns its error: WriteError of package httpkit answers with all of
// them.
package rest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"syscall"

	"github.com/go-chi/chi/v5"

	"meterledger/api"
	"meterledger/internal/audit"
	"meterledger/internal/closing"
	"meterledger/internal/httpkit"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/pace"
	"meterledger/internal/query"
)

// Options are the parts of the api.
type Options struct {
	Ledger  *ledger.Ledger
	Reader  *query.Reader
	Runs    *closing.Runs
	Log     *slog.Logger
	Metrics *httpkit.Metrics
	Hosts   httpkit.Hosts
	Proxies httpkit.Proxies
	Door    httpkit.Door // nil with access off
	Audit   *audit.Log   // nil in tests of what is no change
	Peers   Peers        // how the node that leads is reached; nil for a node alone
	// RateLimit is how many requests a minute one caller may send; 0 means any.
	RateLimit int
}

// app holds what the handlers share.
type app struct {
	ledger  *ledger.Ledger
	reader  *query.Reader
	runs    *closing.Runs
	audit   *audit.Log
	peers   Peers
	zone    *meter.Zone
	terms   api.Terms
	log     *slog.Logger
	turns   turns
	bulks   *budget // bytes
	pages   *budget // bytes
	exports *budget // exports

	isShared bool          // the ledger is one of several nodes
	journal  func() string // its name in positions
}

// NewHandler returns the api, to which pages can be added.
func NewHandler(o Options) chi.Router {
	a, limited := newApp(o), pace.Limit(o.RateLimit, httpkit.RateKey, httpkit.WriteError)
	r := httpkit.NewRouter(o.program())
	for _, route := range a.routes() {
		h := a.logged(route)
		if route.pattern != readyPath {
			h = limited(h)
		}
		h = httpkit.For(route.roles, h)
		if route.place == atLeader && a.peers != nil {
			h = a.atLeader(route, h, limited)
		}
		r.Method(route.method, route.pattern, h)
	}
	return r
}

func newApp(o Options) *app {
	return &app{
		ledger: o.Ledger, reader: o.Reader, runs: o.Runs, audit: o.Audit, peers: o.Peers, zone: o.Reader.Zone(), log: o.Log, terms: api.TermsIn(o.Reader.Zone().String()),
		turns: newTurns(), bulks: newBulkBudget(), pages: newPageBudget(), exports: newExportBudget(), isShared: o.Ledger.IsShared(),
		journal: sync.OnceValue(func() string {
			id, _ := o.Ledger.Position()
			return journalName(id)
		}),
	}
}

func (o *Options) program() httpkit.Program {
	program := httpkit.Program{
		Name: api.ProgramAPI, Log: o.Log, Metrics: o.Metrics, Hosts: o.Hosts, Proxies: o.Proxies, Door: o.Door, SwaggerUI: SwaggerUI(),
	}
	if o.Audit != nil {
		program.Audit = o.Audit
	}
	if o.Ledger.IsShared() {
		program.IsOwn = o.isOwn
	}
	return program
}

// isOwn reports whether an error is of this node's disk, or comes as it ends.
func (o *Options) isOwn(err error) bool {
	return o.Ledger.Failure() != nil || errors.Is(err, syscall.EIO)
}

// logged returns the handler of a route, which tells the log what operators ask.
func (a *app) logged(route route) http.Handler {
	if route.method == http.MethodPost && route.feature == "maintenance" {
		return httpkit.Asked(a.log, a.positioned(route))
	}
	return a.positioned(route)
}

// route is an endpoint. feature is its tag in the document.
type route struct {
	method, pattern, feature string
	roles                    meter.Roles // who may ask
	place                    place
	handler                  http.Handler
}

// place says which of several nodes answers a route. A node alone answers all of them.
type place uint8

const (
	// anywhere is what every node has, or writes: a question to the state, of which each holds all, and a fact, which
	// the order brings to all of them and their own Apply judges. Shutdown and resume are facts.
	anywhere place = iota + 1
	// thisNode is what is asked of one node's process or folder: whether it is ready, its audit log, and a backup
	// of its data folder.
	thisNode
	// atLeader is what only the node that leads does or knows: runs of maintenance and how they go, a restore, which
	// is a run, and exceptions, which a run writes to the archive folder: elsewhere its disk may show them late. Other nodes
	// forward it.
	atLeader
)

// readyPath has no rate limit: load balancers ask it.
const readyPath = "/readyz"

// routes is the table of the endpoints. The router is built from it, and a test compares it
// with the document.
func (a *app) routes() []route {
	const get, post, patch, remove = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	return []route{
		{get, readyPath, "operations", meter.Anyone, thisNode, httpkit.Answer(a.zone, a.ready)},
		{post, "/register_account", "accounts", meter.Operators, anywhere, httpkit.Answer(a.zone, a.registerAccount)},
		{get, "/export_accounts", "accounts", meter.Readers, anywhere, httpkit.Take(a.zone, a.exportAccounts)},
		{post, "/import_accounts", "accounts", meter.Operators, anywhere, httpkit.Handler(a.importAccounts)},
		{get, "/account", "accounts", meter.Homes, anywhere, httpkit.Answer(a.zone, a.account)},
		{post, "/receive_meter_reading", "readings", meter.Senders, anywhere, httpkit.Handler(a.receiveReading)},
		{post, "/receive_meter_readings", "readings", meter.Senders, anywhere, httpkit.Handler(a.receiveReadings)},
		{get, "/get_consumption", "queries", meter.Homes, anywhere, httpkit.Take(a.zone, a.consumption)},
		{get, "/get_readings", "queries", meter.Homes, anywhere, compressed(httpkit.Take(a.zone, a.readings))},
		{get, "/export_readings", "queries", meter.Readers, anywhere, compressed(httpkit.Take(a.zone, a.export))},
		{get, "/meters", "operations", meter.Readers, anywhere, compressed(httpkit.Take(a.zone, a.meters))},
		{get, "/meters/{meter_id}/gaps", "operations", meter.Homes, anywhere, httpkit.Take(a.zone, a.gaps)},
		{post, "/meters/{meter_id}/corrections", "life", meter.Operators, anywhere, httpkit.Handler(a.correct)},
		{get, "/meters/{meter_id}/history", "life", meter.Homes, anywhere, compressed(httpkit.Take(a.zone, a.history))},
		{get, "/meters/{meter_id}", "life", meter.Homes, anywhere, httpkit.Take(a.zone, a.meter)},
		{patch, "/meters/{meter_id}", "life", meter.Operators, anywhere, httpkit.Answer(a.zone, a.setMeter)},
		{post, "/meters/{meter_id}/exchange", "life", meter.Operators, anywhere, httpkit.Answer(a.zone, a.exchange)},
		{remove, "/meters/{meter_id}/exchange", "life", meter.Operators, anywhere, httpkit.Answer(a.zone, a.takeExchangeBack)},
		{get, "/exceptions", "life", meter.Readers, atLeader, compressed(httpkit.Take(a.zone, a.exceptions))},
		{post, "/exceptions/resolve", "life", meter.Operators, atLeader, httpkit.Answer(a.zone, a.resolveException)},
		{post, "/meters/{meter_id}/retake", "life", meter.Operators, anywhere, httpkit.Answer(a.zone, a.retake)},
		{post, "/credentials", "access", meter.Operators, anywhere, httpkit.Answer(a.zone, a.issueCredential)},
		{get, "/credentials", "access", meter.Readers, anywhere, compressed(httpkit.Take(a.zone, a.credentials))},
		{remove, "/credentials/{credential_id}", "access", meter.Operators, anywhere, httpkit.Answer(a.zone, a.revokeCredential)},
		{get, "/whoami", "access", meter.Members, anywhere, httpkit.Answer(a.zone, a.whoami)},
		{get, "/get_last_month_bill", "bills", meter.Homes, anywhere, httpkit.Take(a.zone, a.lastMonthBill)},
		{get, "/get_bill", "bills", meter.Homes, anywhere, httpkit.Take(a.zone, a.bill)},
		{post, "/maintenance/start", "maintenance", meter.Operators, atLeader, httpkit.Take(a.zone, a.startMaintenance)},
		{get, "/maintenance/status", "maintenance", meter.Readers, atLeader, compressed(httpkit.Answer(a.zone, a.maintenanceStatus))},
		{get, "/cluster", "operations", meter.Readers, thisNode, httpkit.Answer(a.zone, a.cluster)},
		{get, "/audit", "operations", meter.Readers, thisNode, compressed(httpkit.Take(a.zone, a.auditLog))},
		{post, "/backup", "maintenance", meter.Operators, thisNode, httpkit.Answer(a.zone, a.backup)},
		{post, "/shutdown", "maintenance", meter.Operators, anywhere, httpkit.Answer(a.zone, a.shutdown)},
		{post, "/resume", "maintenance", meter.Operators, anywhere, httpkit.Answer(a.zone, a.resume)},
		{post, "/restore_data", "maintenance", meter.Operators, atLeader, httpkit.Answer(a.zone, a.restore)},
	}
}

type readyRequest struct {
	For string `param:"for" oneof:"readings"`
}

// ready answers whether questions are answered, which is so once there is a router, or
// whether readings are taken too.
func (a *app) ready(_ context.Context, q *readyRequest) (api.Readiness, error) {
	var err error
	if q.For != "" {
		err = a.ledger.Ready()
	}
	return api.Readiness{Status: "ready"}, err
}

// readerOf returns a reader of what the caller of a request may ask about. All questions about a
// meter go through it.
func (a *app) readerOf(ctx context.Context) *query.Reader {
	return a.reader.Within(&httpkit.CallerOf(ctx).Scope)
}

// noParameters is a request without parameters.
type noParameters struct{}

// stamp returns the present time as text.
func (a *app) stamp() string { return a.zone.StampTime(a.reader.Now()) }

// stampAt returns an instant as text.
func (a *app) stampAt(at meter.Instant) string { return a.zone.StampTime(a.zone.TimeOf(at)) }

// tagBytes is how much of the hash an ETag has: 128 bits.
const tagBytes = 16

// documentSum makes every tag depend on the form of the answers: if that changes, the
// OpenAPI document changes too, and no earlier tag matches.
var documentSum = sync.OnceValue(func() [32]byte { return sha256.Sum256(api.Document()) })

// notModified sets the ETag of an answer from the question, the media type and state, which
// is a fingerprint of the data behind the answer. If the caller has that answer already, it
// writes a 304 and returns true.
func notModified(w http.ResponseWriter, r *http.Request, mediaType string, state []byte) bool {
	hash, shape := sha256.New(), documentSum()
	hash.Write(shape[:])
	for _, part := range []string{r.URL.Path, r.URL.RawQuery, mediaType} {
		_, _ = io.WriteString(hash, part+"\n") // a hash never fails, and no part has a line break
	}
	hash.Write(state)
	return httpkit.NotModified(w, r, base64.RawURLEncoding.EncodeToString(hash.Sum(nil)[:tagBytes]))
}
