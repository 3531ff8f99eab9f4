package maintenance

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"meterledger/api"
	"meterledger/api/apitest"
	"meterledger/internal/client"
	"meterledger/internal/config"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// harness runs a service on the clock of a synctest bubble, against a fake api.
// The clock starts on 2000-01-01 at 08:00 in Singapore.
type harness struct {
	t       *testing.T
	api     *fakeAPI
	service *Service
	stop    context.CancelFunc
	keeping sync.WaitGroup
	plain   handlerTransport   // to the service
	checked *apitest.Transport // the same, held against the OpenAPI document, which knows no pages
}

// inBubble runs test in a bubble. The service has been started by prepare's
// settings, and is stopped afterwards.
func inBubble(t *testing.T, kind Kind, schedule string, prepare func(*fakeAPI), test func(*testing.T, *harness)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &harness{t: t, api: &fakeAPI{}}
		prepare(b.api)
		zone, err := meter.LoadZone("Asia/Singapore")
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		b.stop = stop
		settings := config.Maintenance{Timezone: zone, Schedule: schedule, APIURLs: config.Addresses{&url.URL{Scheme: "http", Host: "api.example"}}}
		settings.Auth = b.api.guarded
		api := client.New(settings.APIURLs[0], &http.Client{Transport: apitest.NewTransport(t, b.api)})
		if b.api.tokenFile != "" {
			settings.APITokenFile = b.api.tokenFile
			api = api.With(client.TokenFile(b.api.tokenFile))
		}
		b.service, err = New(ctx, kind, settings, api, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		b.plain = handlerTransport{b.service.Handler(httpkit.NewMetrics())}
		b.checked = apitest.NewTransport(t, b.plain)
		b.keeping.Go(b.service.KeepUp)
		synctest.Wait()
		test(t, b)
		b.stop()
		b.keeping.Wait()
	})
}

// handlerTransport hands requests to a handler.
type handlerTransport struct{ http.Handler }

func (h handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	response := w.Result()
	response.Request = r
	return response, nil
}

// at lets the clock run until a time in Singapore, and all settle that is due.
func (b *harness) at(stamp string) {
	b.t.Helper()
	then, err := time.ParseInLocation("2006-01-02T15:04:05", stamp, b.service.settings.Timezone.Location())
	if err != nil {
		b.t.Fatal(err)
	}
	time.Sleep(time.Until(then))
	synctest.Wait()
}

func (b *harness) do(ctx context.Context, method, target string) (*http.Response, string) {
	b.t.Helper()
	return b.send(ctx, method, target, http.Header{})
}

func (b *harness) send(ctx context.Context, method, target string, header http.Header) (*http.Response, string) {
	b.t.Helper()
	r := httptest.NewRequestWithContext(ctx, method, "http://localhost"+target, nil)
	r.RequestURI, r.Header = "", header
	response, err := b.checked.RoundTrip(r)
	if err != nil {
		b.t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return response, string(body)
}

func (b *harness) post(target string) (*http.Response, string) {
	b.t.Helper()
	return b.do(b.t.Context(), http.MethodPost, target)
}

func (b *harness) status() api.ProgramStatus {
	b.t.Helper()
	_, body := b.do(b.t.Context(), http.MethodGet, "/status")
	var answer api.ProgramStatus
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		b.t.Fatal(err)
	}
	return answer
}

// runs says of each run what became of it, the newest first.
func (b *harness) runs() []string {
	b.t.Helper()
	var told []string
	for _, r := range b.status().LastRuns {
		outcome := "failed"
		if r.Success {
			outcome = "done"
		}
		told = append(told, fmt.Sprintf("%s %s %s %d", r.Period, r.Trigger, outcome, r.Attempts))
	}
	return told
}

func (b *harness) wantRuns(want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.runs()); diff != "" {
		b.t.Errorf("runs, the newest first: %s", diff)
	}
}

func asProblem(t *testing.T, body string) (p struct {
	Status              int
	Code, Detail, Field string
},
) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	return p
}

const (
	everyDay   = "5 0 * * *"
	everyMonth = "15 0 1 * *"
	off        = ""
)

// upToDate is an api that lacks nothing when the clock starts.
func upToDate(f *fakeAPI) {
	f.archives = []api.Archive{archived("1999-12-31"), archived("1999-12")}
}
