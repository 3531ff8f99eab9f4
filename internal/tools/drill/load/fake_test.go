package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"meterledger/api"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
)

// fakeAPI takes readings as the api does, into a map, but for what its fields say.
type fakeAPI struct {
	t    *testing.T
	zone *meter.Zone

	// What goes wrong, each with the n-th request that takes readings, from 1.
	loses      int // it is acknowledged and a reading of it not kept
	alters     int // a reading of it is kept with another register
	keepsAlso  int // a reading of it is refused and kept
	hangsUpAt  int // it is done, but the connection breaks before the answer
	busyFrom   int // from this request on, busyFor times, the answer is 503, Retry-After 3
	busyFor    int
	rowIsBusy  int // the second row of it is refused with maintenance_running
	brokenPast int // every request from here on is answered 500

	answersAfter time.Duration // by how much each answer comes late

	mu       sync.Mutex // guards all below
	requests int
	held     map[meter.ID]map[meter.Slot]meter.Register
	calls    []string // what was asked, for tests that look
	sent     []string // the Authorization headers
}

func newFakeAPI(t *testing.T) *fakeAPI {
	t.Helper()
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	return &fakeAPI{t: t, zone: zone, held: map[meter.ID]map[meter.Slot]meter.Register{}}
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	time.Sleep(f.answersAfter) // on the clock of a bubble
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, r.Method+" "+r.URL.Path)
	f.sent = append(f.sent, r.Header.Values("Authorization")...)
	switch r.URL.Path {
	case "/import_accounts":
		f.register(w, r)
	case "/get_readings":
		f.readings(w, r)
	case "/receive_meter_reading", "/receive_meter_readings":
		f.requests++
		f.receive(w, r)
	}
}

func (f *fakeAPI) register(w http.ResponseWriter, r *http.Request) {
	var v api.BatchResult
	for i, line := range f.lines(r) {
		id := meter.ID(strings.Split(line, ",")[2])
		if _, known := f.held[id]; known {
			v.Rejected++
			v.Errors = append(v.Errors, api.RowError{Row: i + 1, Code: meter.CodeMeterExists, Detail: "is known"})
			continue
		}
		v.Accepted++
		f.held[id] = map[meter.Slot]meter.Register{}
	}
	httpkit.WriteJSON(w, http.StatusOK, v)
}

// lines returns those of a body, without the header.
func (f *fakeAPI) lines(r *http.Request) []string {
	var body bytes.Buffer
	if _, err := body.ReadFrom(r.Body); err != nil {
		f.t.Error(err)
	}
	return strings.Split(strings.TrimSpace(body.String()), "\n")[1:]
}

func (f *fakeAPI) readings(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("format") != "csv" {
		f.t.Errorf("asked for %s", r.URL)
	}
	held, known := f.held[meter.ID(r.FormValue("meter_id"))]
	if !known {
		httpkit.WriteError(w, r, meter.UnknownMeter("?"))
		return
	}
	fmt.Fprintln(w, meter.RowHeader)
	for slot, register := range held {
		fmt.Fprintf(w, "%s,%s,%s\n", r.FormValue("meter_id"), f.zone.Stamp(slot), register)
	}
}

func (f *fakeAPI) receive(w http.ResponseWriter, r *http.Request) {
	switch {
	case f.brokenPast > 0 && f.requests >= f.brokenPast:
		httpkit.WriteError(w, r, errors.New("the disk is gone"))
		return
	case f.busyFor > 0 && f.requests >= f.busyFrom:
		f.busyFor--
		httpkit.WriteError(w, r, meter.Unavailable(meter.CodeOverloaded, 3e9, "come back"))
		return
	}
	if r.URL.Path == "/receive_meter_reading" {
		err := f.take(r.FormValue("meter_id"), r.FormValue("timestamp"), r.FormValue("reading"), true)
		f.hangUp()
		if err != nil {
			httpkit.WriteError(w, r, err)
		}
		return
	}
	v := f.takeAll(r)
	f.hangUp()
	httpkit.WriteJSON(w, http.StatusOK, v)
}

// hangUp breaks the connection at the request's turn.
func (f *fakeAPI) hangUp() {
	if f.requests == f.hangsUpAt {
		panic(http.ErrAbortHandler)
	}
}

func (f *fakeAPI) takeAll(r *http.Request) (v api.BatchResult) {
	for i, line := range f.lines(r) {
		row := strings.Split(line, ",")
		err := f.take(row[0], row[1], row[2], i == 1)
		switch {
		case err == nil:
			v.Accepted++
		case len(v.Errors) < 2: // as many as this api lists
			v.Errors = append(v.Errors, api.RowError{Row: i + 1, Code: meter.CodeOf(err), Detail: err.Error()})
			fallthrough
		default:
			v.Rejected++
		}
	}
	return v
}

// take takes one reading. A fault strikes one reading of its request.
func (f *fakeAPI) take(id, stamp, reading string, strike bool) error {
	r, err := meter.ParseRow(f.zone, id, stamp, reading)
	if err != nil {
		f.t.Error(err)
	}
	held, known := f.held[r.Meter]
	if !known {
		return meter.UnknownMeter(r.Meter)
	}
	is := func(turn int) bool { return strike && f.requests == turn }
	switch {
	case is(f.rowIsBusy):
		return meter.Unavailable(meter.CodeMaintenanceRunning, 1e9, "the month is being closed")
	case is(f.loses):
		return nil
	case is(f.alters):
		one, _ := meter.RegisterFromParts(1, 3)
		r.Register = one
	}
	held[r.Slot] = r.Register
	if is(f.keepsAlso) {
		return meter.Invalid(meter.CodeReadingConflict, "reading", "conflicts")
	}
	return nil
}

// pipes is a network of its own: connections in memory, so that a test can run on
// the clock of a bubble.
type pipes struct {
	waiting chan net.Conn
	closed  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.waiting:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(ctx context.Context) (*caller.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.waiting <- there:
		return caller.NewConn(here), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// play runs the tool with some flags against a fake api, on a bubble's clock, which
// stands at 2000-01-01 at the start; so the fleet lives in 2026 by a clock of its own.
func play(t *testing.T, api *fakeAPI, args ...string) (said string, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { said, err = playHere(t, t.Context(), api, args...) })
	return said, err
}

func playHere(t *testing.T, ctx context.Context, api *fakeAPI, args ...string) (said string, err error) {
	t.Helper()
	network := &pipes{make(chan net.Conn), make(chan struct{})}
	server := &http.Server{Handler: api}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(network) }) // it ends when the test closes it
	defer serving.Wait()
	defer server.Close()
	s, err := parseSettings(args, func(string) string { return "" }, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	f, err := newFleet(s, network.dial, noon(t), &out)
	if err != nil {
		t.Fatal(err)
	}
	err = f.run(ctx)
	return out.String(), err
}

// count returns how often the api was asked for a path.
func (f *fakeAPI) count(call string) (n int) {
	for _, c := range f.calls {
		if c == call {
			n++
		}
	}
	return n
}
