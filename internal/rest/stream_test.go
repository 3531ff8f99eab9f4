package rest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/closing"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/rest"
)

// stepwise is the caller's end of an answer: it looks at each chunk when it is sent.
type stepwise struct {
	header http.Header
	body   strings.Builder
	chunks int
	most   int                   // bytes in a chunk
	each   func(chunk int) error // called for each, from 1; what it returns ends the connection
	from   string                // whose address the caller has
	status int
}

func newStepwise(each func(chunk int) error) *stepwise {
	return &stepwise{header: http.Header{}, each: each, from: "192.0.2.1:1234"}
}

func (c *stepwise) Header() http.Header              { return c.header }
func (c *stepwise) WriteHeader(status int)           { c.status = status }
func (c *stepwise) FlushError() error                { return nil }
func (c *stepwise) SetWriteDeadline(time.Time) error { return nil }

func (c *stepwise) Write(b []byte) (int, error) {
	c.chunks++
	c.most = max(c.most, len(b))
	if err := c.each(c.chunks); err != nil {
		return 0, err
	}
	return c.body.Write(b)
}

// ask sends a request straight to the handler, and reports whether the connection
// was broken.
func (c *stepwise) ask(ctx context.Context, s *script, path string) (broken bool) {
	return c.askHandler(ctx, s.server.Config.Handler, path)
}

func (c *stepwise) askHandler(ctx context.Context, h http.Handler, path string) (broken bool) {
	defer func() {
		if reason := recover(); reason != nil {
			broken = reason == http.ErrAbortHandler //nolint:errorlint // net/http compares it so
		}
	}()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, nil)
	r.RemoteAddr = c.from
	h.ServeHTTP(c, r)
	return false
}

// fillMonths gives meters a reading for each half hour from August to October.
func (s *script) fillMonths(meters int) {
	s.t.Helper()
	window := meter.Window{
		From: s.zone.DayStart(meter.Day{Year: 2026, Month: 8, Day: 1}), To: s.zone.DayStart(meter.Day{Year: 2026, Month: 11, Day: 1}),
	}
	for m := range meters {
		id := meter.ID(fmt.Sprintf("M%02d", m))
		if err := s.node.Register(s.t.Context(), id, "Tan", "Road"); err != nil {
			s.t.Fatal(err)
		}
		var readings []meter.Reading
		for slot := window.From; slot <= window.To; slot++ {
			register, _ := meter.RegisterFromParts(int64(slot-window.From)*7, 3)
			readings = append(readings, meter.Reading{Meter: id, Slot: slot, Register: register})
		}
		recordMany(s.t, s.node, readings)
	}
}

func (s *script) closeMonth(month string) error {
	m, _ := meter.ParseMonth(month)
	run, err := s.node.Start(closing.Request{Kind: closing.Monthly, Month: m})
	if err != nil {
		return err
	}
	<-run.Done()
	return run.Err
}

var streams = []string{
	"/get_readings?format=csv&meter_id=M00&start=2026-08-01T00:00&end=2026-11-01T00:00",
	"/export_readings?month=2026-08",
	"/export_readings?month=2026-10",
}

func TestStreamsComeInChunksThatDoNotGrow(t *testing.T) {
	s := newScript(t, "streams")
	s.fillMonths(4)
	if err := s.closeMonth("2026-08"); err != nil {
		t.Fatal(err)
	}
	for _, path := range streams {
		c := newStepwise(func(int) error { return nil })
		if broken := c.ask(t.Context(), s, path); broken || c.status > http.StatusOK {
			t.Errorf("%s: broken %v, status %d", path, broken, c.status)
		}
		if c.chunks < 4 || c.most > 33<<10 || c.body.Len() < 4*32<<10 {
			t.Errorf("%s: %d bytes in %d chunks of at most %d", path, c.body.Len(), c.chunks, c.most)
		}
	}
}

func TestStreamsStopWhenTheirCallerGoesAway(t *testing.T) {
	s := newScript(t, "streams")
	s.fillMonths(4)
	for _, path := range streams {
		ctx, cancel := context.WithCancel(t.Context())
		c := newStepwise(func(chunk int) error {
			if chunk == 2 {
				cancel()
			}
			return nil
		})
		if !c.ask(ctx, s, path) || c.chunks != 2 {
			t.Errorf("%s went on to chunk %d after its caller had gone with the 2nd", path, c.chunks)
		}
		c = newStepwise(func(chunk int) error {
			if chunk == 2 {
				return errors.New("connection reset by peer")
			}
			return nil
		})
		if !c.ask(t.Context(), s, path) || c.chunks != 2 {
			t.Errorf("%s went on to chunk %d after the 2nd could not be sent", path, c.chunks)
		}
	}
}

func TestCallerWhoGoesAwayIsNoErrorOfOurs(t *testing.T) {
	s := newScript(t, "streams")
	s.fillMonths(4)
	var log bytes.Buffer
	h := rest.NewHandler(rest.Options{
		Ledger: s.node.Ledger, Reader: s.node.Reader, Runs: s.node.Runs, Audit: s.node.Audit, Metrics: httpkit.NewMetrics(),
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	for _, path := range streams {
		c := newStepwise(func(int) error { return errors.New("connection reset by peer") })
		if !c.askHandler(t.Context(), h, path) || log.Len() > 0 {
			t.Errorf("%s: %s", path, &log)
		}
	}
}

func TestExportMissesNothingWhenItsMonthIsClosedMeanwhile(t *testing.T) {
	for _, closedBefore := range []bool{false, true} {
		t.Run(fmt.Sprintf("closed before %v", closedBefore), func(t *testing.T) {
			s := newScript(t, "streams")
			s.fillMonths(8)
			if closedBefore { // then it is late readings that leave memory meanwhile
				if err := s.closeMonth("2026-10"); err != nil {
					t.Fatal(err)
				}
				s.run("POST /register_account?owner_name=Tan&address=Road&meter_id=Z\n=> 200\n" +
					"POST /receive_meter_reading?meter_id=Z&timestamp=2026-10-05T00:00&reading=1\n=> 200")
			}
			whole := newStepwise(func(int) error { return nil })
			whole.ask(t.Context(), s, "/export_readings?month=2026-10")
			c := newStepwise(func(chunk int) error {
				if chunk == 2 {
					return s.closeMonth("2026-10")
				}
				return nil
			})
			if broken := c.ask(t.Context(), s, "/export_readings?month=2026-10"); broken || c.body.String() != whole.body.String() {
				t.Errorf("broken %v: %d bytes, want %d", broken, c.body.Len(), whole.body.Len())
			}
			if rows := strings.Count(whole.body.String(), "\n"); rows < 8*1488 {
				t.Errorf("only %d rows", rows)
			}
		})
	}
}

func TestReadingsOfAMeterMissNothingWhenAMonthIsClosedMeanwhile(t *testing.T) {
	s := newScript(t, "streams")
	s.fillMonths(1)
	whole := newStepwise(func(int) error { return nil })
	whole.ask(t.Context(), s, streams[0])
	c := newStepwise(func(chunk int) error {
		if chunk == 1 {
			return errors.Join(s.closeMonth("2026-08"), s.closeMonth("2026-09"), s.closeMonth("2026-10"))
		}
		return nil
	})
	if broken := c.ask(t.Context(), s, streams[0]); broken || c.body.String() != whole.body.String() {
		t.Errorf("broken %v: %d bytes, want %d", broken, c.body.Len(), whole.body.Len())
	}
}

func TestStreamThatFailsMidwayIsSeenToBeCut(t *testing.T) {
	s := newScriptOn(t, "streams", vfs.NewMem())
	s.fillMonths(4)
	if err := errors.Join(s.closeMonth("2026-08"), s.closeMonth("2026-10")); err != nil {
		t.Fatal(err)
	}
	s.editArchive("monthly_2026-10.csv", "M03") // behind two months that can be read
	for _, path := range []string{strings.Replace(streams[0], "M00", "M03", 1), "/export_readings?month=2026-10", "/export_readings?date=2026-10-31"} {
		answer, err := s.server.Client().Get(s.server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		begun := answer.StatusCode == http.StatusOK && len(content) > 0
		if short := strings.Contains(path, "date="); begun == short { // a day fits in a chunk, so nothing of it was sent
			t.Errorf("%s has begun: %v, %s", path, begun, answer.Status)
		}
		if begun && !errors.Is(err, io.ErrUnexpectedEOF) || !begun && answer.StatusCode != http.StatusInternalServerError {
			t.Errorf("%s over a changed archive is %s and ends with %v after %d bytes", path, answer.Status, err, len(content))
		}
	}
}

// editArchive changes a digit of a meter's first row in an archive.
func (s *script) editArchive(name, id string) {
	s.t.Helper()
	file, err := s.fs.Open(s.fs.PathJoin("Archive", name))
	if err != nil {
		s.t.Fatal(err)
	}
	content, err := io.ReadAll(file)
	if err := errors.Join(err, file.Close()); err != nil {
		s.t.Fatal(err)
	}
	row := bytes.Index(content, []byte("\n"+id+",")) + 1
	content[row+bytes.IndexByte(content[row:], '\n')-1] ^= 1
	s.writeArchive(name, string(content))
}

// TestOnlySomeExportsRunAtATime begins as many as there may be, two for each of two callers, and
// ends one.
func TestOnlySomeExportsRunAtATime(t *testing.T) {
	const path = "/export_readings?month=2026-10"
	s := newScript(t, "streams")
	s.fillMonths(1)
	release := make(chan struct{})
	ended := make(chan bool)
	begin := func(address string) {
		begun := make(chan struct{})
		go func() {
			c := newStepwise(func(chunk int) error {
				if chunk == 1 {
					close(begun)
					<-release
				}
				return nil
			})
			c.from = address
			ended <- c.ask(t.Context(), s, path)
		}()
		<-begun
	}
	refused := func(address, why string) {
		t.Helper()
		c := newStepwise(func(int) error { return nil })
		c.from = address
		if c.ask(t.Context(), s, path); c.status != http.StatusTooManyRequests || !strings.Contains(c.body.String(), why) {
			t.Errorf("an export for %s was answered %d: %.300s", address, c.status, &c.body)
		}
	}
	begin("192.0.2.1:1")
	begin("192.0.2.1:2")
	refused("192.0.2.1:3", "as many exports are under way as one caller may have")
	begin("192.0.2.2:1")
	begin("192.0.2.2:2")
	refused("192.0.2.3:1", "as many exports are under way as the api has room for")
	release <- struct{}{}
	if <-ended {
		t.Error("an export was broken off")
	}
	begin("192.0.2.3:1")
	close(release)
	for range 4 {
		if <-ended {
			t.Error("an export was broken off")
		}
	}
	s.run("GET " + path + "\n=> 200")
}
