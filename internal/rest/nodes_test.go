package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/api/apitest"
	"meterledger/internal/archive"
	"meterledger/internal/cluster"
	"meterledger/internal/clustertest"
	"meterledger/internal/faulttest"
	"meterledger/internal/httpkit"
	"meterledger/internal/journal"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/node"
	"meterledger/internal/peer"
	"meterledger/internal/rest"
)

// member is an api of several on one order, one archive folder and one network.
type member struct {
	*node.Node
	of     *members
	name   string
	engine *clustertest.Client

	callers *httptest.Server
	others  *httptest.Server // of peers
	ended   chan string      // gets the path of each request of callers that has ended
}

// members are three nodes, of which a leads at first.
type members struct {
	t       *testing.T
	engine  *clustertest.Engine
	disk    *vfs.MemFS
	zone    *meter.Zone
	now     time.Time
	a, b, c *member

	mu      sync.Mutex          // guards meet
	meet    func(errorfs.Op)    // is told of each operation on the disk of a; nil for nobody
	options func(*rest.Options) // changes how the apis are made
}

var someCallers = badges{
	operatorBadge:  {Role: meter.RoleOperator, Credential: "aaaaaaaaaaaaaaaa", Label: "Lim & Söhne", Scope: meter.Scope{IsAll: true}},
	"auditor":      {Role: meter.RoleAuditor, Credential: "bbbbbbbbbbbbbbbb", Scope: meter.Scope{IsAll: true}},
	householdBadge: {Role: meter.RoleHousehold, Credential: "cccccccccccccccc", Scope: meter.Scope{Meters: []meter.ID{"A"}}},
	"":             {},
}

// newMembers founds an order of three nodes with the meters A and B, which have readings of the day before.
func newMembers(t *testing.T, options func(*rest.Options)) *members {
	t.Helper()
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	ms := &members{
		t: t, engine: clustertest.NewEngine(1), disk: vfs.NewMem(), zone: zone, options: options,
		now: time.Date(2026, time.November, 23, 10, 10, 0, 0, zone.Location()),
	}
	ms.found()
	ms.a = ms.join("a")
	ms.post(ms.a, "/register_account?owner_name=Tan&address=Road&meter_id=A") // once a leads
	ms.post(ms.a, "/register_account?owner_name=Lim&address=Street&meter_id=B")
	ms.b, ms.c = ms.join("b"), ms.join("c")
	for _, m := range []*member{ms.b, ms.c} { // once it knows who leads
		ms.post(m, "/receive_meter_reading?meter_id=A&timestamp=2026-11-22T10:00&reading=10")
	}
	ms.post(ms.c, "/receive_meter_reading?meter_id=B&timestamp=2026-11-22T10:00&reading=20.5")
	ms.settle()
	return ms
}

// found makes the data folder of a, and shares the archive folder.
func (ms *members) found() {
	ms.t.Helper()
	alone, err := node.Open(ms.t.Context(), ms.nodeOptions("a", nil))
	if err != nil {
		ms.t.Fatal(err)
	}
	if err := alone.Close(); err != nil {
		ms.t.Fatal(err)
	}
	j, err := journal.OpenReadOnly(ms.disk, "a/journal", slog.New(slog.DiscardHandler))
	if err != nil {
		ms.t.Fatal(err)
	}
	if err := errors.Join(j.Close(), archive.Share(ms.disk, "Archive", j.End().Journal)); err != nil {
		ms.t.Fatal(err)
	}
}

func (ms *members) nodeOptions(name string, shared *ledger.Shared) node.Options {
	o := node.Options{
		FS: ms.disk, DataDir: name, ArchiveDir: "Archive", BackupDir: "backup-" + name, Zone: ms.zone, Now: func() time.Time { return ms.now },
		Log: slog.New(slog.DiscardHandler), Holder: name, Version: "test", RefusalsMax: 1000, Shared: shared,
	}
	if name == "a" {
		o.FS = faulttest.Watch(ms.disk, func(op errorfs.Op) error {
			ms.mu.Lock()
			meet := ms.meet
			ms.mu.Unlock()
			if meet != nil {
				meet(op)
			}
			return nil
		})
	}
	return o
}

func (ms *members) meets(f func(errorfs.Op)) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	ms.meet = f
}

// join starts a node, and ends it with the test.
func (ms *members) join(name string) *member {
	ms.t.Helper()
	m := &member{of: ms, name: name, engine: ms.engine.Client(name), others: httptest.NewUnstartedServer(nil), ended: make(chan string, 1000)}
	peers := peer.NewPeers(nil)
	address := m.others.Listener.Addr().String()
	var err error
	m.Node, err = node.Open(ms.t.Context(), ms.nodeOptions(name, &ledger.Shared{
		Engine: m.engine, Peers: peers, Founding: map[bool]ledger.Founding{true: ledger.FoundOnce}[name == "a"], Cluster: "members", Self: cluster.Node{Name: name, Incarnation: uint64(name[0]), Address: address},
	}))
	if err != nil {
		ms.t.Fatal(err)
	}
	o := rest.Options{Ledger: m.Ledger, Reader: m.Reader, Runs: m.Runs, Audit: m.Audit, Log: slog.New(slog.DiscardHandler), Metrics: httpkit.NewMetrics(), Peers: peers}
	if ms.options != nil {
		ms.options(&o)
	}
	program := httpkit.Program{Log: o.Log, Metrics: httpkit.NewMetrics()}
	m.others.Config.Handler = peer.NewHandler(&program, m.Ledger, rest.NewLeaderHandler(o))
	m.others.Start()
	router := rest.NewHandler(o)
	m.callers = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { m.ended <- r.URL.Path }()
		router.ServeHTTP(w, r)
	}))
	ms.t.Cleanup(func() {
		m.callers.CloseClientConnections()
		m.callers.Close()
		peers.Close()
		m.others.CloseClientConnections()
		m.others.Close()
		_ = m.Close() // fails if the test has cut it off
	})
	return m
}

// settle waits until all nodes know all that was answered.
func (ms *members) settle() {
	ms.t.Helper()
	for _, m := range []*member{ms.a, ms.b, ms.c} {
		if err := m.Ledger.Confirm(ms.t.Context()); err != nil {
			ms.t.Fatal(err)
		}
	}
}

// request returns one of an operator, unless it has a header that says other.
func (m *member) request(ctx context.Context, method, path, body string, header ...string) *http.Request {
	m.of.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, m.callers.URL+path, strings.NewReader(body))
	if err != nil {
		m.of.t.Fatal(err)
	}
	r.Header.Set("Authorization", operatorBadge)
	r.Header.Set("X-Request-Id", "test")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// ask sends a request, and checks request and answer against the document.
func (m *member) ask(method, path, body string, header ...string) answer {
	m.of.t.Helper()
	transport := http.DefaultTransport
	if method != http.MethodHead { // which the document does not know
		transport = apitest.NewTransport(m.of.t, transport)
	}
	return answered(m.of.t, transport, m.request(m.of.t.Context(), method, path, body, header...))
}

func answered(t *testing.T, transport http.RoundTripper, r *http.Request) answer {
	t.Helper()
	got, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	content, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{got.StatusCode, got.Header, string(content)}
}

// post wants a change to be made.
func (ms *members) post(m *member, path string) answer {
	ms.t.Helper()
	got := m.ask(http.MethodPost, path, "")
	if got.Status/100 != 2 {
		ms.t.Fatalf("%s answers POST %s with %d %s", m.name, path, got.Status, got.Body)
	}
	return got
}

// answerAs reads an answer.
func answerAs[A any](t *testing.T, from answer) (a A) {
	t.Helper()
	if err := json.Unmarshal([]byte(from.Body), &a); err != nil {
		t.Fatalf("%v in %d %s", err, from.Status, from.Body)
	}
	return a
}
