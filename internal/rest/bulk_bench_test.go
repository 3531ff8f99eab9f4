package rest_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/klauspost/compress/zstd"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/node"
	"meterledger/internal/rest"
)

const (
	bulkMeters = 20_000
	bulkSlots  = 100
)

// BenchmarkBulk sends 20,000 meters x 100 slots as one CSV body to a whole api on
// disk, time by time as a head-end exports them, and beside it the same bytes to
// a handler that splits them into fields and throws them away. The last line of
// each is what to divide.
func BenchmarkBulk(b *testing.B) {
	body := benchCSV(b)
	b.Run("floor=split", func(b *testing.B) {
		server := httptest.NewServer(http.HandlerFunc(splitAndDrop))
		defer server.Close()
		for b.Loop() {
			benchPost(b, server.URL, body)
		}
		reportRows(b, bulkMeters*bulkSlots)
	})
	b.Run("durable", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			url, stop := benchServer(b)
			b.StartTimer()
			benchPost(b, url, body)
			b.StopTimer()
			stop()
			b.StartTimer()
		}
		reportRows(b, bulkMeters*bulkSlots)
	})
}

func reportRows(b *testing.B, rows int) {
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func benchMeterID(i int) string { return fmt.Sprintf("SG-%07d", 1_000_000+i*7) }

// benchCSV is some homes' registers with a resolution of 1 Wh.
func benchCSV(b *testing.B) []byte {
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		b.Fatal(err)
	}
	first, err := zone.ParseSlot("", "2026-11-20T00:00")
	if err != nil {
		b.Fatal(err)
	}
	var csv bytes.Buffer
	csv.WriteString("meter_id,timestamp,reading\n")
	for slot := range bulkSlots {
		stamp := zone.Stamp(first + meter.Slot(slot))
		for i := range bulkMeters {
			wh := i*137_731%90_000_000 + slot*(200+i%331)
			fmt.Fprintf(&csv, "%s,%s,%d.%03d\n", benchMeterID(i), stamp, wh/1000, wh%1000)
		}
	}
	b.Logf("%d bytes, %.1f a row", csv.Len(), float64(csv.Len())/bulkMeters/bulkSlots)
	return csv.Bytes()
}

// benchServer is an api on disk in which the meters are registered.
func benchServer(b *testing.B) (url string, stop func()) {
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		b.Fatal(err)
	}
	folder := b.TempDir()
	l, err := node.Open(b.Context(), node.Options{
		FS: vfs.Default, DataDir: folder + "/data", ArchiveDir: folder + "/Archive", Zone: zone,
		Now: func() time.Time { return time.Date(2026, 11, 23, 2, 10, 0, 0, time.UTC) },
		Log: slog.New(slog.DiscardHandler), Holder: "a benchmark",
	})
	if err != nil {
		b.Fatal(err)
	}
	registerAll(b, l)
	server := httptest.NewServer(rest.NewHandler(rest.Options{Ledger: l.Ledger, Reader: l.Reader, Runs: l.Runs, Audit: l.Audit, Log: slog.New(slog.DiscardHandler), Metrics: httpkit.NewMetrics()}))
	return server.URL, func() {
		server.Close()
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// registerAll shares each fsync between many registrations.
func registerAll(b *testing.B, l *node.Node) {
	const together = 256
	failed := make(chan error, together)
	for worker := range together {
		go func() {
			var err error
			for i := worker; i < bulkMeters && err == nil; i += together {
				err = l.Register(b.Context(), meter.ID(benchMeterID(i)), "Owner", "1 Road")
			}
			failed <- err
		}()
	}
	for range together {
		if err := <-failed; err != nil {
			b.Fatal(err)
		}
	}
}

func benchPost(b *testing.B, url string, body []byte) {
	answer, err := http.Post(url+"/receive_meter_readings", "text/csv", bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	defer answer.Body.Close()
	var verdict struct{ Accepted, Duplicates, Rejected int }
	if err := json.NewDecoder(answer.Body).Decode(&verdict); err != nil || verdict.Accepted != bulkMeters*bulkSlots {
		b.Fatalf("%s: %+v, %v", answer.Status, verdict, err)
	}
}

func splitAndDrop(w http.ResponseWriter, r *http.Request) {
	in := bufio.NewReaderSize(r.Body, 256<<10)
	rows, fields := -1, 0
	for {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			panic(err)
		}
		rows++
		for rest, more := line, true; more; fields++ {
			_, rest, more = bytes.Cut(rest, []byte{','})
		}
	}
	if fields != 3*(rows+1) {
		panic("a row does not have three fields")
	}
	fmt.Fprintf(w, `{"accepted":%d}`, rows)
}

// BenchmarkQueryBesideBulk asks for consumptions, one after the other, alone and
// while a million rows come in. Divide the percentiles.
func BenchmarkQueryBesideBulk(b *testing.B) {
	body := benchCSV(b)
	for _, beside := range []bool{false, true} {
		b.Run(fmt.Sprintf("bulk=%v", beside), func(b *testing.B) {
			url, stop := benchServer(b)
			defer stop()
			half := bytes.LastIndexByte(body[:len(body)/2], '\n') + 1
			benchSend(b, url, body[:half])
			sent := make(chan struct{})
			if beside {
				go func() {
					defer close(sent)
					benchSend(b, url, append([]byte("meter_id,timestamp,reading\n"), body[half:]...))
				}()
			}
			took := queryUntil(b, url, beside, sent)
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}

// BenchmarkQueryBesideRefusals asks for consumptions alone, and while sixteen callers send packed
// bodies of rows that are refused, with one between that is known so that they are never too many
// one after the other. Divide the percentiles: that of the half is to be at most doubled.
func BenchmarkQueryBesideRefusals(b *testing.B) {
	var packed bytes.Buffer
	z, err := zstd.NewWriter(&packed, zstd.WithWindowSize(1<<20))
	if err != nil {
		b.Fatal(err)
	}
	known := fmt.Sprintf(`{"meter_id":"%s","timestamp":"2026-11-23T00:00:00","reading":1}`+"\n", benchMeterID(0))
	if _, err := io.Copy(z, repeated(strings.Repeat("{}\n", 90_000)+known, 400)); err != nil {
		b.Fatal(err)
	}
	if err := z.Close(); err != nil {
		b.Fatal(err)
	}
	for _, senders := range []int{0, 16} {
		b.Run(fmt.Sprintf("refusals=%d", senders), func(b *testing.B) {
			url, stop := benchServer(b)
			defer stop()
			benchSend(b, url, []byte("meter_id,timestamp,reading\n"+benchMeterID(0)+",2026-11-23T00:00:00,1\n"+benchMeterID(0)+",2026-11-23T10:00:00,2\n"))
			ctx, cancel := context.WithCancel(b.Context())
			var group sync.WaitGroup
			for range senders {
				group.Go(func() { sendUntil(ctx, url, packed.Bytes()) })
			}
			took := make([]time.Duration, 0, 2000)
			for range cap(took) {
				began := time.Now()
				answer, err := http.Get(url + "/get_consumption?period=this_week&meter_id=" + benchMeterID(0))
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
				if answer.StatusCode != http.StatusOK {
					b.Fatal(answer.Status)
				}
				took = append(took, time.Since(began))
			}
			cancel()
			group.Wait()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}

// sendUntil sends a packed body again and again, whatever the answer is.
func sendUntil(ctx context.Context, url string, packed []byte) {
	for ctx.Err() == nil {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/receive_meter_readings", bytes.NewReader(packed))
		if err != nil {
			return
		}
		r.Header.Set("Content-Type", "application/x-ndjson")
		r.Header.Set("Content-Encoding", "zstd")
		if answer, err := http.DefaultClient.Do(r); err == nil {
			answer.Body.Close()
		}
	}
}

// queryUntil asks b.N times or, beside a bulk, as long as that goes on.
func queryUntil(b *testing.B, url string, beside bool, sent <-chan struct{}) (took []time.Duration) {
	for n := 0; beside || n < b.N; n++ {
		select {
		case <-sent:
			return took
		default:
		}
		began := time.Now()
		answer, err := http.Get(url + "/get_consumption?period=this_week&meter_id=" + benchMeterID(n%benchMeters))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			b.Fatal(err)
		}
		answer.Body.Close()
		took = append(took, time.Since(began))
	}
	return took
}

func benchSend(b *testing.B, url string, body []byte) {
	answer, err := http.Post(url+"/receive_meter_readings", "text/csv", bytes.NewReader(body))
	if err != nil {
		b.Error(err)
		return
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		b.Error(answer.Status)
	}
}
