package rest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
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
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/node"
	"meterledger/internal/rest"
)

// trio is three nodes of one order in a bubble of synctest, and one archive folder. What they are asked takes no network.
type trio struct {
	t       *testing.T
	engine  *clustertest.Engine
	network *clustertest.Network
	disk    vfs.FS       // of all, with a data folder for each
	broken  atomic.Value // the folder in which nothing can be made safe any more, a string
	zone    *meter.Zone
	began   time.Time
	members []*peerNode
}

// peerNode is a node of a trio.
type peerNode struct {
	*node.Node
	trio    *trio
	name    string
	engine  *clustertest.Client
	client  *http.Client // whose traffic is held against the document
	handler http.Handler
}

// newTrio founds an order. The first node leads.
func newTrio(t *testing.T) *trio {
	t.Helper()
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	o := &trio{t: t, engine: clustertest.NewEngine(1), network: clustertest.NewNetwork(1), zone: zone, began: time.Now()}
	o.disk = faulttest.Watch(vfs.NewMem(), o.fails)
	alone := o.open(&peerNode{trio: o, name: "a"}, nil)
	id, _ := alone.Position()
	if err := errors.Join(alone.Close(), archive.Share(o.disk, "Archive", id)); err != nil {
		t.Fatal(err)
	}
	for n, name := range []string{"a", "b", "c"} {
		m := &peerNode{trio: o, name: name, engine: o.engine.Client(name)}
		o.open(m, &ledger.Shared{
			Engine: m.engine, Peers: o.network.Peers(name), Founding: map[bool]ledger.Founding{true: ledger.FoundOnce}[n == 0], Cluster: "trio", Self: cluster.Node{Name: name, Incarnation: uint64(n + 1), Address: name},
		})
		o.network.Serve(name, servedNode{m.Ledger})
		o.members = append(o.members, m)
		o.catchUp()
	}
	return o
}

// fails is the error of an operation on a broken disk.
func (o *trio) fails(op errorfs.Op) error {
	if folder, _ := o.broken.Load().(string); folder != "" && faulttest.Syncs(op) && strings.HasPrefix(op.Path, folder) {
		return syscall.EIO
	}
	return nil
}

// open opens a node, and what answers for it.
func (o *trio) open(m *peerNode, shared *ledger.Shared) *peerNode {
	o.t.Helper()
	log, metrics := slog.New(slog.DiscardHandler), httpkit.NewMetrics()
	var err error
	m.Node, err = node.Open(o.t.Context(), node.Options{
		FS: o.disk, DataDir: "data-" + m.name, ArchiveDir: "Archive", BackupDir: "backup-" + m.name, Zone: o.zone, Now: o.now, Log: log,
		Holder: "a test", Version: "test", RefusalsMax: 1000, Metrics: metrics.Set, Shared: shared,
	})
	if err != nil {
		o.t.Fatal(err)
	}
	m.handler = named(rest.NewHandler(rest.Options{Ledger: m.Ledger, Reader: m.Reader, Runs: m.Runs, Audit: m.Audit, Log: log, Metrics: metrics}))
	m.client = &http.Client{Transport: apitest.NewTransport(o.t, inProcess{m.handler, nil})}
	return m
}

func (o *trio) now() time.Time {
	return time.Date(2026, time.November, 23, 10, 10, 0, 0, o.zone.Location()).Add(time.Since(o.began))
}

func (o *trio) close() {
	for _, m := range o.members {
		if err := m.Close(); err != nil {
			o.t.Error(err)
		}
	}
}

// catchUp waits until the nodes have all there is.
func (o *trio) catchUp() {
	o.t.Helper()
	for _, m := range o.members {
		if err := m.Ledger.Confirm(o.t.Context()); err != nil {
			o.t.Fatal(err)
		}
	}
}

// part puts nodes behind connections to the engine with faults.
func (o *trio) part(f clustertest.Faults, members ...*peerNode) {
	for _, m := range members {
		m.engine.Set(f)
	}
}

// send sends a request with some header fields, each as "Name: value".
func (m *peerNode) send(method, target string, header ...string) (*http.Response, string) {
	m.trio.t.Helper()
	r, err := http.NewRequestWithContext(m.trio.t.Context(), method, "http://localhost"+target, http.NoBody)
	if err != nil {
		m.trio.t.Fatal(err)
	}
	for _, field := range header {
		name, value, _ := strings.Cut(field, ": ")
		r.Header.Add(name, value)
	}
	answer, err := m.client.Do(r)
	if err != nil {
		m.trio.t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		m.trio.t.Fatal(err)
	}
	return answer, string(body)
}

// want sends a request that is answered with a status, and returns the answer.
func (m *peerNode) want(status int, method, target string, header ...string) (*http.Response, string) {
	m.trio.t.Helper()
	answer, body := m.send(method, target, header...)
	if answer.StatusCode != status {
		m.trio.t.Errorf("%s %s %v at %s → %d, want %d: %s", method, target, header, m.name, answer.StatusCode, status, body)
	}
	return answer, body
}

// register registers a meter, and returns the position of the answer.
func (m *peerNode) register(id string) string {
	m.trio.t.Helper()
	answer, _ := m.want(http.StatusOK, "POST", "/register_account?owner_name=Tan&address=Road&meter_id="+id)
	return position(m.trio.t, answer)
}

// record records a reading, and returns the position of the answer.
func (m *peerNode) record(id, stamp string, register int) string {
	m.trio.t.Helper()
	answer, _ := m.want(http.StatusOK, "POST", fmt.Sprintf("/receive_meter_reading?meter_id=%s&timestamp=%s&reading=%d", id, stamp, register))
	return position(m.trio.t, answer)
}

// position returns that of an answer, which must have one.
func position(t *testing.T, answer *http.Response) string {
	t.Helper()
	at := answer.Header.Get("Ledger-Position")
	if at == "" {
		t.Errorf("%s %s says no position", answer.Request.Method, answer.Request.URL)
	}
	return at
}

// servedNode is what a node answers its peers.
type servedNode struct{ *ledger.Ledger }

func (s servedNode) Snapshot(to io.Writer) error { return s.SnapshotTo(to) }

// ask asks for what the document need not know, and calls sent after each part of the answer, unless that is nil.
func (m *peerNode) ask(method, target string, sent func()) *http.Response {
	m.trio.t.Helper()
	r, err := http.NewRequestWithContext(m.trio.t.Context(), method, "http://localhost"+target, http.NoBody)
	if err != nil {
		m.trio.t.Fatal(err)
	}
	answer, err := inProcess{m.handler, sent}.RoundTrip(r)
	if err != nil || answer.StatusCode != http.StatusOK {
		m.trio.t.Fatalf("%s %s: %+v, %v", method, target, answer, err)
	}
	return answer
}

// inProcess asks a handler, and takes what comes at once.
type inProcess struct {
	handler http.Handler
	sent    func() // may be nil
}

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(taker{w, p.sent}, r)
	answer := w.Result()
	answer.Request = r
	return answer, context.Cause(r.Context())
}

// taker takes an answer, and calls sent after each part of it.
type taker struct {
	*httptest.ResponseRecorder
	sent func()
}

func (t taker) Write(b []byte) (int, error) {
	n, err := t.ResponseRecorder.Write(b)
	if t.sent != nil {
		t.sent()
	}
	return n, err
}

func (taker) SetWriteDeadline(time.Time) error { return nil }
