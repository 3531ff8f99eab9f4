package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"meterledger/api"
	"meterledger/internal/client"
)

// How a node answers in a test.
var (
	answers http.HandlerFunc = func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}") }
	breaks  http.HandlerFunc = func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	halves  http.HandlerFunc = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "9")
		io.WriteString(w, "{")
	}
	page http.HandlerFunc = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
)

func refuses(code string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, `{"code":"`+code+`"}`)
	}
}

// several returns a client of nodes by how they answer, of which nil is none at all, and what they are asked: their indexes.
func several(t *testing.T, nodes ...http.HandlerFunc) (c *client.Client, asked func() string) {
	t.Helper()
	seen := make(chan string, 100)
	var all []*url.URL
	for n, h := range nodes {
		if h == nil {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, &url.URL{Scheme: "http", Host: l.Addr().String()})
			l.Close()
			continue
		}
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen <- string(rune('0' + n))
			h(w, r)
		}))
		t.Cleanup(s.Close)
		all = append(all, address(t, s))
	}
	h := &http.Client{Transport: client.NewTransport(nil)}
	t.Cleanup(h.CloseIdleConnections)
	return client.New(all[0], h, all[1:]...), func() (order string) {
		for len(seen) > 0 {
			order += <-seen
		}
		return order
	}
}

func TestTheNextNodeIsAskedOnlyWhatMayBeDoneTwice(t *testing.T) {
	status := func(ctx context.Context, c *client.Client) error {
		_, err := c.MaintenanceStatus(ctx)
		return err
	}
	run := func(ctx context.Context, c *client.Client) error {
		_, err := c.StartMaintenance(ctx, client.MaintenanceRequest{Type: api.Daily, NoWait: true})
		return err
	}
	reading := func(ctx context.Context, c *client.Client) error {
		return c.RecordReading(ctx, "A", "2026-11-22T10:00", kWh(t, "1"))
	}
	shutdown := func(ctx context.Context, c *client.Client) error { return c.Shutdown(ctx) }
	register := func(ctx context.Context, c *client.Client) error { return c.RegisterAccount(ctx, "A", "Tan", "Road") }
	bulk := func(ctx context.Context, c *client.Client) error {
		_, err := c.RecordReadings(ctx, "text/csv", strings.NewReader("meter_id,timestamp,reading\n"))
		return err
	}
	for _, tt := range []struct {
		name  string
		first http.HandlerFunc
		calls map[string]func(context.Context, *client.Client) error
		asked string // "1" if only the second node was asked, and so on
		fails bool
	}{
		{"nobody is there", nil, map[string]func(context.Context, *client.Client) error{"status": status, "run": run, "reading": reading, "shutdown": shutdown, "register": register}, "1", false},
		{"nobody is there, for a body", nil, map[string]func(context.Context, *client.Client) error{"bulk": bulk}, "", true},
		{"it breaks off", breaks, map[string]func(context.Context, *client.Client) error{"run": run, "reading": reading}, "01", false},
		{"it breaks off, for what is not done twice", breaks, map[string]func(context.Context, *client.Client) error{"shutdown": shutdown, "register": register, "bulk": bulk}, "0", true},
		{"half an answer comes", halves, map[string]func(context.Context, *client.Client) error{"status": status, "run": run}, "01", false},
		{"half an answer comes, for what is not done twice", halves, map[string]func(context.Context, *client.Client) error{"bulk": bulk}, "0", true},
		{"it is not ready", refuses("not_ready"), map[string]func(context.Context, *client.Client) error{"status": status, "run": run, "reading": reading}, "01", false},
		{"it is not ready, for what is not done twice", refuses("not_ready"), map[string]func(context.Context, *client.Client) error{"shutdown": shutdown, "register": register, "bulk": bulk}, "0", true},
		{"a proxy has lost it", page, map[string]func(context.Context, *client.Client) error{"status": status, "run": run}, "01", false},
		{"it runs maintenance", refuses("maintenance_running"), map[string]func(context.Context, *client.Client) error{"status": status, "run": run}, "0", true},
	} {
		for name, call := range tt.calls {
			c, asked := several(t, tt.first, answers, answers)
			err := call(t.Context(), c)
			if got := asked(); got != tt.asked || (err != nil) != tt.fails {
				t.Errorf("%s, %s: nodes %q are asked, want %q, %v", tt.name, name, got, tt.asked, err)
			}
		}
	}
}

func TestTheNodeThatAnsweredIsAskedFirst(t *testing.T) {
	c, asked := several(t, nil, refuses("not_ready"), answers)
	for range 3 {
		if _, err := c.As("daily").With(client.NoCredential).MaintenanceStatus(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := asked(); got != "1222" {
		t.Errorf("nodes %s were asked", got)
	}
}

func TestEachNodeIsAskedOnce(t *testing.T) {
	c, asked := several(t, refuses("not_ready"), breaks, refuses("not_ready"))
	_, err := c.StartMaintenance(t.Context(), client.MaintenanceRequest{Type: api.Daily})
	if p, ok := errors.AsType[*api.Problem](err); !ok || p.Code != "not_ready" || asked() != "012" {
		t.Errorf("%v", err)
	}
}

// TestACallWhoseTimeIsOverAsksNobodyElse, but the next one begins elsewhere.
func TestACallWhoseTimeIsOverAsksNobodyElse(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	hangs := func(_ http.ResponseWriter, r *http.Request) {
		cancel(errTimeOver)
		<-r.Context().Done()
	}
	c, asked := several(t, hangs, answers)
	err := c.Each(deadline{ctx}, func(one *client.Client) error { return one.Ready(deadline{ctx}) })
	if _, isAway := errors.AsType[*client.AwayError](err); !isAway || asked() != "0" {
		t.Errorf("%v", err)
	}
	if err := c.Ready(t.Context()); err != nil || asked() != "1" {
		t.Errorf("the next call: %v", err)
	}
}

var errTimeOver = errors.New("the time is over")

// deadline is a context that ends like one whose time is over.
type deadline struct{ context.Context }

func (d deadline) Err() error {
	if d.Context.Err() != nil {
		return context.DeadlineExceeded
	}
	return nil
}

func TestOneOfSeveralNodesIsAskedAlone(t *testing.T) {
	c, asked := several(t, refuses("not_ready"), answers)
	var order []string
	err := c.Each(t.Context(), func(one *client.Client) error {
		_, err := one.MaintenanceStatus(t.Context())
		order = append(order, asked())
		return err
	})
	if diff := gocmp.Diff([]string{"0", "1"}, order); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}
