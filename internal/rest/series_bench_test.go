package rest_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/closing"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/node"
	"meterledger/internal/rest"
)

// benchConnections is how many callers ask at a time, each over one connection.
const benchConnections = 64

// BenchmarkSeriesOf31Days compares the half hours of a month, in memory and archived,
// with a constant answer of the same bytes: same router, same log, real connections.
func BenchmarkSeriesOf31Days(b *testing.B) {
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		b.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	now := time.Date(2026, time.November, 23, 10, 10, 0, 0, zone.Location())
	l, err := node.Open(context.Background(), node.Options{
		FS: vfs.NewMem(), DataDir: "data", ArchiveDir: "Archive", Zone: zone,
		Now: func() time.Time { return now }, Log: log, Holder: "a benchmark",
	})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			b.Error(err)
		}
	}()
	benchMonths(b, l)
	series := httptest.NewServer(rest.NewHandler(rest.Options{Ledger: l.Ledger, Reader: l.Reader, Runs: l.Runs, Audit: l.Audit, Log: log, Metrics: httpkit.NewMetrics()}))
	defer series.Close()

	const path = "/get_readings?meter_id=M007&page_size=1488&start=2026-%s-01T00:00&end=2026-%s-01T00:00"
	live, archived := fmt.Sprintf(path, "10", "11"), fmt.Sprintf(path, "08", "09")
	body := benchBody(b, series.URL+live)
	constant := httptest.NewServer(constantHandler(log, body))
	defer constant.Close()

	sides := []benchSide{
		{"constant", constant.Listener.Addr().String(), "/constant"},
		{"memory", series.Listener.Addr().String(), live},
		{"archived", series.Listener.Addr().String(), archived},
	}
	for _, side := range sides {
		b.Run(side.name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			side.ask(b, b.N)
		})
	}
	for _, side := range sides[1:] {
		b.Run(side.name+" to constant", func(b *testing.B) { benchRatio(b, side, sides[0]) })
	}
}

// benchRound is how many questions are asked of one side before it is the other's turn.
const benchRound = 500

// benchRatio lets two sides take turns, so that what else the machine does weighs on
// both, and reports the median of the ratios.
func benchRatio(b *testing.B, side, base benchSide) {
	var ratios []float64
	for b.Loop() {
		ratios = append(ratios, side.ask(b, benchRound).Seconds()/base.ask(b, benchRound).Seconds())
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "times-constant")
	b.ReportMetric(0, "ns/op") // of no meaning here
}

// benchMonths gives 100 meters their readings from August on, and archives August.
func benchMonths(b *testing.B, l *node.Node) {
	b.Helper()
	from := l.Zone().DayStart(meter.Day{Year: 2026, Month: 8, Day: 1})
	for m := range 100 {
		id := meter.ID(fmt.Sprintf("M%03d", m))
		if err := l.Register(b.Context(), id, "Tan", "Road"); err != nil {
			b.Fatal(err)
		}
		var readings []meter.Reading
		used := int64(1_234_567)
		for slot := from; slot <= l.Zone().Floor(l.Now()); slot++ {
			used += int64(slot) * 7919 % 997
			register, _ := meter.RegisterFromParts(used, 3)
			readings = append(readings, meter.Reading{Meter: id, Slot: slot, Register: register})
		}
		recordMany(b, l, readings)
	}
	run, err := l.Start(closing.Request{Kind: closing.Monthly, Month: meter.Month{Year: 2026, Month: 8}})
	if err != nil {
		b.Fatal(err)
	}
	if <-run.Done(); run.Err != nil {
		b.Fatal(run.Err)
	}
}

func constantHandler(log *slog.Logger, body []byte) http.Handler {
	r := httpkit.NewRouter(httpkit.Program{Log: log, Metrics: httpkit.NewMetrics(), SwaggerUI: httpkit.SwaggerUI()})
	r.Get("/constant", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body) // a failed write shows on the other side
	})
	return r
}

func benchBody(b *testing.B, address string) []byte {
	b.Helper()
	answer, err := http.Get(address)
	if err != nil {
		b.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || strings.Count(string(body), `"complete":true`) != 1488 {
		b.Fatalf("%s, %v: %.200s", answer.Status, err, body)
	}
	return body
}

// benchSide is what is asked.
type benchSide struct{ name, address, path string }

// ask has all connections ask until so many answers have come, and returns how long
// that took.
func (s benchSide) ask(b *testing.B, answers int) time.Duration {
	b.Helper()
	questions := make(chan struct{}, answers)
	for range answers {
		questions <- struct{}{}
	}
	close(questions)
	var callers sync.WaitGroup
	begin := make(chan struct{})
	for range benchConnections {
		connection, err := net.Dial("tcp", s.address)
		if err != nil {
			b.Fatal(err)
		}
		callers.Go(func() {
			defer connection.Close()
			<-begin
			if err := benchCaller(connection, s.path, questions); err != nil {
				b.Error(err)
			}
		})
	}
	began := time.Now()
	close(begin)
	callers.Wait()
	return time.Since(began)
}

// benchCaller asks over one connection and drops the answers. It does no more than it
// must, so that the time is the server's.
func benchCaller(connection net.Conn, path string, questions <-chan struct{}) error {
	request := []byte("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
	in := bufio.NewReaderSize(connection, 64<<10)
	for range questions {
		if _, err := connection.Write(request); err != nil {
			return err
		}
		if err := dropAnswer(in); err != nil {
			return err
		}
	}
	return nil
}

// dropAnswer reads an answer of a known length or of chunks.
func dropAnswer(in *bufio.Reader) error {
	length, status := 0, ""
	for line := "-"; line != ""; {
		text, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		line = strings.TrimSpace(text)
		if status == "" {
			status = line
		}
		if value, ok := strings.CutPrefix(line, "Content-Length: "); ok {
			length, _ = strconv.Atoi(value)
		}
	}
	if status != "HTTP/1.1 200 OK" {
		return fmt.Errorf("the answer is %s", status)
	}
	if length > 0 {
		_, err := in.Discard(length)
		return err
	}
	for chunk := int64(1); chunk > 0; {
		text, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		if chunk, err = strconv.ParseInt(strings.TrimSpace(text), 16, 32); err != nil {
			return err
		}
		if _, err := in.Discard(int(chunk) + len("\r\n")); err != nil {
			return err
		}
	}
	return nil
}
