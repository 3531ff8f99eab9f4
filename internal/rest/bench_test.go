package rest_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/access"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/node"
	"meterledger/internal/rest"
)

const (
	benchMeters = 1000
	benchSlots  = 40_000 // that a benchmark can fill: more than two years
)

// apiBench is the api on a disk in memory, with meters that report half hour by half
// hour.
type apiBench struct {
	handler http.Handler
	node    *node.Node
	ids     []meter.ID
	stamps  []string // of the half hours, as a query has them
	token   string   // that requests have; empty with access off
}

func newAPIBench(b *testing.B) *apiBench {
	b.Helper()
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		b.Fatal(err)
	}
	first := zone.Floor(time.Date(2023, time.January, 1, 0, 0, 0, 0, zone.Location()))
	now := zone.Time(first + benchSlots)
	log := slog.New(slog.DiscardHandler)
	a := &apiBench{}
	a.node, err = node.Open(context.Background(), node.Options{
		FS: vfs.NewMem(), DataDir: "data", ArchiveDir: "Archive", Zone: zone,
		Now: func() time.Time { return now }, Log: log, Holder: "a benchmark",
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := a.node.Close(); err != nil {
			b.Error(err)
		}
	})
	for i := range benchMeters {
		a.ids = append(a.ids, meter.ID(fmt.Sprintf("m-%07d", i)))
		if err := a.node.Register(context.Background(), a.ids[i], "Tan Ah Kow", "1 Orchard Road"); err != nil {
			b.Fatal(err)
		}
	}
	for i := range benchSlots {
		a.stamps = append(a.stamps, url.QueryEscape(zone.Stamp(first+meter.Slot(i))))
	}
	a.handler = rest.NewHandler(a.options())
	return a
}

func (a *apiBench) options() rest.Options {
	return rest.Options{Ledger: a.node.Ledger, Reader: a.node.Reader, Runs: a.node.Runs, Audit: a.node.Audit, Log: slog.New(slog.DiscardHandler), Metrics: httpkit.NewMetrics()}
}

// guard turns access on, and sends a token of a role for all meters from here on.
func (a *apiBench) guard(b *testing.B, role meter.Role) {
	b.Helper()
	door := &access.Door{Came: httpkit.Came, Address: httpkit.ClientAddr}
	door.Open(a.node.Ledger)
	options := a.options()
	options.Door = door
	a.handler = rest.NewHandler(options)
	token, sum := access.NewToken(role)
	if err := a.node.Issue(context.Background(), meter.Credential{ID: meter.NewCredentialID(), Role: role, SHA256: sum, Scope: meter.Scope{IsAll: true}}); err != nil {
		b.Fatal(err)
	}
	a.token = token
}

// appendReading writes the parameters of reading n.
func (a *apiBench) appendReading(query []byte, n int) []byte {
	i, slot := n%benchMeters, n/benchMeters
	query = append(append(query, "meter_id="...), a.ids[i]...)
	query = append(append(query, "&timestamp="...), a.stamps[slot]...)
	query = strconv.AppendInt(append(query, "&reading="...), int64(1000+slot), 10)
	return strconv.AppendInt(append(query, '.'), int64(1000+i), 10)
}

// discard is a ResponseWriter that keeps nothing but the status.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

// run has many callers send the requests whose parameters appendQuery writes, each
// number once, as net/http would hand them to the handler. What net/http itself costs
// is not in it; one of the allocations is the query.
func (a *apiBench) run(b *testing.B, method, path string, appendQuery func(query []byte, n int) []byte) {
	var sent atomic.Int64
	b.SetParallelism(32)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		w := &discard{header: http.Header{}}
		r := (&http.Request{Method: method, URL: &url.URL{Path: path}, Header: http.Header{}, Body: http.NoBody}).
			WithContext(context.Background())
		if a.token != "" {
			r.Header.Set("Authorization", "Bearer "+a.token)
		}
		var query []byte
		for pb.Next() {
			clear(w.header)
			query = appendQuery(query[:0], int(sent.Add(1))-1)
			r.URL.RawQuery = string(query)
			if a.handler.ServeHTTP(w, r); w.status != http.StatusOK {
				b.Errorf("%s was answered %d", r.URL, w.status)
				return
			}
		}
	})
}

// BenchmarkReceiveReading is the way of one reading from the router to the answer.
func BenchmarkReceiveReading(b *testing.B) {
	a := newAPIBench(b)
	a.run(b, http.MethodPost, "/receive_meter_reading", a.appendReading)
}

// BenchmarkReceiveReadingWithAToken is BenchmarkReceiveReading with access on.
func BenchmarkReceiveReadingWithAToken(b *testing.B) {
	a := newAPIBench(b)
	a.guard(b, meter.RoleMeter)
	a.run(b, http.MethodPost, "/receive_meter_reading", a.appendReading)
}

// BenchmarkConsumption is a question for the consumption of a day.
func BenchmarkConsumption(b *testing.B) { newAPIBench(b).askConsumption(b) }

// BenchmarkConsumptionWithAToken is BenchmarkConsumption with access on.
func BenchmarkConsumptionWithAToken(b *testing.B) {
	a := newAPIBench(b)
	a.guard(b, meter.RoleAuditor)
	a.askConsumption(b)
}

func (a *apiBench) askConsumption(b *testing.B) {
	b.Helper()
	const slots = 49
	for n := range slots * benchMeters {
		register, err := meter.ParseRegister(strconv.Itoa(1000+n/benchMeters) + ".25")
		if err != nil {
			b.Fatal(err)
		}
		at, err := url.QueryUnescape(a.stamps[n/benchMeters])
		if err != nil {
			b.Fatal(err)
		}
		slot, err := a.node.Zone().ParseSlot("timestamp", at)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := a.node.Record(context.Background(), meter.Reading{Meter: a.ids[n%benchMeters], Slot: slot, Register: register}); err != nil {
			b.Fatal(err)
		}
	}
	a.run(b, http.MethodGet, "/get_consumption", func(query []byte, n int) []byte {
		query = append(append(query, "meter_id="...), a.ids[n%benchMeters]...)
		query = append(append(query, "&period=custom&start="...), a.stamps[0]...)
		return append(append(query, "&end="...), a.stamps[slots-1]...)
	})
}
