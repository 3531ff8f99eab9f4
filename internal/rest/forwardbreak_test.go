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
	"syscall"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/api"
	"meterledger/internal/cluster"
	"meterledger/internal/clustertest"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/rest"
)

// spied stands for all other nodes.
type spied struct {
	header chan http.Header // gets what is sent to them; nil for nobody
	answer *http.Response
}

func (s *spied) Forward(_ cluster.Node, r *http.Request) (*http.Response, error) {
	if s.header != nil {
		s.header <- r.Header
	}
	if s.answer == nil {
		return nil, errors.New("nobody is there")
	}
	return s.answer, nil
}

// wantNotReady wants a 503 whose caller comes back after a second.
func wantNotReady(t *testing.T, what string, got answer) {
	t.Helper()
	if got.Status != http.StatusServiceUnavailable || got.Header.Get("Retry-After") != "1" || answerAs[api.Problem](t, got).Code != meter.CodeNotReady {
		t.Errorf("%s: %d %v %s", what, got.Status, got.Header, got.Body)
	}
}

func TestWhatCannotBeForwardedIsNotReady(t *testing.T) {
	ms := newMembers(t, func(o *rest.Options) { o.Peers = &spied{} })
	for method, path := range map[string]string{"GET": "/maintenance/status", "POST": "/maintenance/start?maintenance_type=daily"} {
		wantNotReady(t, "when the leader cannot be reached "+path, ms.b.ask(method, path, ""))
	}
}

// refusing is where a node that has ended was.
type refusing struct{}

func (refusing) Forward(cluster.Node, *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("reaching it: %w", syscall.ECONNREFUSED)
}

// TestALeaderThatIsGoneIsMissedByWhoForwardsToIt: another node leads long before the lease has ended.
func TestALeaderThatIsGoneIsMissedByWhoForwardsToIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTrio(t)
		a, b := o.members[0], o.members[1]
		o.part(clustertest.Faults{Link: clustertest.Drops}, a)
		h := rest.NewHandler(rest.Options{Ledger: b.Ledger, Reader: b.Reader, Runs: b.Runs, Audit: b.Audit, Log: slog.New(slog.DiscardHandler), Metrics: httpkit.NewMetrics(), Peers: refusing{}})
		got := httptest.NewRecorder()
		h.ServeHTTP(got, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost"+daily, http.NoBody))
		if got.Code != http.StatusServiceUnavailable {
			t.Errorf("it is answered with %d: %s", got.Code, got.Body)
		}
		time.Sleep(cluster.LeaseTime / 3)
		if leads, isSelf := b.Leader(); leads.Name == "a" || leads.Term == 0 && !isSelf {
			t.Errorf("%+v leads", leads)
		}
		o.part(clustertest.Faults{}, a)
		o.close()
	})
}

// TestHalfAnAnswerOfTheLeaderIsNoWholeOne: the caller's connection breaks too.
func TestHalfAnAnswerOfTheLeaderIsNoWholeOne(t *testing.T) {
	broken := io.MultiReader(strings.NewReader("meter_id,rule\nA,HIGH\n"), iotest.ErrReader(io.ErrUnexpectedEOF))
	ms := newMembers(t, func(o *rest.Options) {
		o.Peers = &spied{answer: &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/csv"}}, Body: io.NopCloser(broken)}}
	})
	got, err := http.DefaultTransport.RoundTrip(ms.b.request(t.Context(), "GET", "/exceptions?format=csv", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	if content, err := io.ReadAll(got.Body); err == nil {
		t.Errorf("the caller takes %q for all there is", content)
	}
}

// TestWhatIsForwardedIsForwardedOnce: a node that does not lead forwards nothing for another one.
func TestWhatIsForwardedIsForwardedOnce(t *testing.T) {
	ms := newMembers(t, nil)
	for method, path := range map[string]string{"GET": "/maintenance/status", "POST": "/maintenance/start?maintenance_type=daily"} {
		r := ms.c.request(t.Context(), method, path, "")
		r.URL.Host, r.URL.Path = strings.TrimPrefix(ms.c.others.URL, "http://"), "/leader"+r.URL.Path
		wantNotReady(t, "of a node that does not lead "+path, answered(t, http.DefaultTransport, r))
	}
	if status := ms.a.Status(); len(status.Archives) > 0 {
		t.Errorf("the node that leads has archived %+v", status.Archives)
	}
}

// hold stops a run of the first node before it puts the file of a day in place, until goOn is called.
func (ms *members) hold() (reached <-chan struct{}, goOn func()) {
	met, freed := make(chan struct{}), make(chan struct{})
	ms.meets(func(op errorfs.Op) {
		if op.Kind == errorfs.OpRename && strings.HasPrefix(op.Path, "Archive") && strings.Contains(op.Path, "daily") {
			ms.meets(nil)
			close(met)
			<-freed
		}
	})
	return met, func() { close(freed) }
}

const daily = "/maintenance/start?maintenance_type=daily"

// TestACallerThatGoesAwayEndsNoRun, and is not waited for.
func TestACallerThatGoesAwayEndsNoRun(t *testing.T) {
	ms := newMembers(t, nil)
	reached, goOn := ms.hold()
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error)
	for len(ms.b.ended) > 0 {
		<-ms.b.ended
	}
	go func() {
		_, err := http.DefaultTransport.RoundTrip(ms.b.request(ctx, "POST", daily, ""))
		left <- err
	}()
	<-reached
	leave()
	if err := <-left; err == nil {
		t.Error("the caller is answered while the run is held up")
	}
	if path := <-ms.b.ended; path != "/maintenance/start" { // although the run goes on
		t.Error(path)
	}
	running := answerAs[api.MaintenanceStatus](t, ms.c.ask("GET", "/maintenance/status", ""))
	if running.Running == nil || running.Running.Period != "2026-11-22" {
		t.Errorf("the run does not go on: %+v", running)
	}
	goOn()
	if path := <-ms.a.ended; path == "" {
		t.Error(path)
	}
	ms.wantDay()
}

// wantDay waits for runs that are under way, and wants the archive of the day to be its rows.
func (ms *members) wantDay() {
	ms.t.Helper()
	for {
		status := answerAs[api.MaintenanceStatus](ms.t, ms.b.ask("GET", "/maintenance/status", ""))
		if status.IsMaintenanceMode {
			continue
		}
		if len(status.Archives) != 1 || status.Archives[0].State != "good" {
			ms.t.Errorf("these archives are known: %+v", status.Archives)
		}
		break
	}
	f, err := ms.disk.Open("Archive/daily_2026-11-22.csv")
	if err != nil {
		ms.t.Fatal(err)
	}
	defer f.Close()
	const want = "meter_id,timestamp,reading\nA,2026-11-22T10:00:00,10\nB,2026-11-22T10:00:00,20.5\n"
	if text, err := io.ReadAll(f); err != nil || string(text) != want {
		ms.t.Errorf("the file has %q, %v", text, err)
	}
}

// TestTheNextLeaderTellsOfRunsByTheirArchives: it did none of them itself, and one that was cut off is due.
func TestTheNextLeaderTellsOfRunsByTheirArchives(t *testing.T) {
	ms := newMembers(t, nil)
	ms.post(ms.b, daily+"&date=2026-11-21")
	reached, goOn := ms.hold()
	defer goOn()
	if got := ms.post(ms.b, daily+"&wait=false"); got.Status != http.StatusAccepted {
		t.Fatalf("%+v", got)
	}
	<-reached
	ms.a.engine.Set(clustertest.Faults{Link: clustertest.Drops})
	defer ms.a.engine.Set(clustertest.Faults{})
	ms.engine.Expire()
	var status api.MaintenanceStatus
	for led := true; led; led = status.IsMaintenanceMode {
		got := ms.b.ask("GET", "/maintenance/status", "")
		if status = answerAs[api.MaintenanceStatus](t, got); got.Status != http.StatusOK {
			status.IsMaintenanceMode = true // of a, or of nobody yet
		}
	}
	run := status.LastRuns[api.Daily]
	if run == nil || run.Period != "2026-11-21" || !run.Success || len(run.Archives) != 1 {
		t.Errorf("the last run was %+v", run)
	}
	if len(status.Archives) != 1 || len(status.Due) != 1 || status.Due[0].Period != "2026-11-22" {
		t.Errorf("archived is %+v, due %+v", status.Archives, status.Due)
	}
}

// TestARunWhoseLeaderIsGoneIsBegunAgainAtTheNext that the same node forwards to.
func TestARunWhoseLeaderIsGoneIsBegunAgainAtTheNext(t *testing.T) {
	for name, lose := range map[string]func(*members){
		"hangs": func(ms *members) {}, // but for its lease
		"ends":  func(ms *members) { ms.a.others.CloseClientConnections() },
	} {
		t.Run(name, func(t *testing.T) {
			ms := newMembers(t, nil)
			reached, goOn := ms.hold()
			first := make(chan answer)
			go func() { first <- ms.b.ask("POST", daily, "") }()
			<-reached
			ms.a.engine.Set(clustertest.Faults{Link: clustertest.Drops})
			lose(ms)
			ms.engine.Expire()
			wantNotReady(t, "a run whose leader "+name, <-first)
			for {
				again := ms.b.ask("POST", daily, "")
				if again.Status == http.StatusOK {
					break
				}
				if code := answerAs[api.Problem](t, again).Code; code != meter.CodeNotReady && code != meter.CodeMaintenanceRunning {
					t.Fatalf("begun again: %+v", again)
				}
			}
			if leads, isSelf := ms.b.Leader(); leads.Name == "a" || !isSelf && leads.Name != "c" {
				t.Errorf("%+v leads", leads)
			}
			ms.wantDay()
			ms.a.engine.Set(clustertest.Faults{})
			goOn()
			ms.settle()
			ms.wantDay()
		})
	}
}

// TestWhatFollowsTheAnswerOfTheLeaderIsPassedOn, as the position does when all of a list has been read.
func TestWhatFollowsTheAnswerOfTheLeaderIsPassedOn(t *testing.T) {
	const position = "0d2da6e059afef89266b5c96c78d14df/7"
	ms := newMembers(t, func(o *rest.Options) {
		o.Peers = &spied{answer: &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/csv"}}, Trailer: http.Header{"Ledger-Position": {position}},
			Body: io.NopCloser(strings.NewReader("meter_id,rule\nA,HIGH\n")),
		}}
	})
	got, err := http.DefaultTransport.RoundTrip(ms.b.request(t.Context(), "GET", "/exceptions?format=csv", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	content, err := io.ReadAll(got.Body)
	if err != nil || string(content) != "meter_id,rule\nA,HIGH\n" || got.Trailer.Get("Ledger-Position") != position {
		t.Errorf("%q, behind it %v, %v", content, got.Trailer, err)
	}
}
