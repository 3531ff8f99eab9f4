package maintenance

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meterledger/internal/client"
	"meterledger/internal/config"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"

	"meterledger/api/apitest"
)

// restartable is a service that can be stopped and started again on its history.
func restartable(t *testing.T, kind Kind, schedule, path string, api *fakeAPI, log *slog.Logger) *harness {
	t.Helper()
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	b := &harness{t: t, api: api}
	ctx, stop := context.WithCancel(t.Context())
	b.stop = stop
	settings := config.Maintenance{
		Timezone: zone, Schedule: schedule, History: path, APIURLs: config.Addresses{&url.URL{Scheme: "http", Host: "api.example"}},
	}
	c := client.New(settings.APIURLs[0], &http.Client{Transport: apitest.NewTransport(t, api)})
	if b.service, err = New(ctx, kind, settings, c, log); err != nil {
		t.Fatal(err)
	}
	b.checked = apitest.NewTransport(t, handlerTransport{b.service.Handler(httpkit.NewMetrics())})
	b.keeping.Go(b.service.KeepUp)
	synctest.Wait()
	return b
}

func (b *harness) end() {
	b.stop()
	b.keeping.Wait()
}

func TestRunsAreRememberedOverARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs", "daily.json")
	synctest.Test(t, func(t *testing.T) {
		api := &fakeAPI{}
		upToDate(api)
		b := restartable(t, Daily(), everyDay, path, api, slog.New(slog.DiscardHandler))
		b.at("2000-01-02T00:05:00")
		b.post("/perform_daily_maintenance?date=1999-06-30")
		want := b.status()
		b.end()
		b = restartable(t, Daily(), off, path, api, slog.New(slog.DiscardHandler))
		b.wantRuns("1999-06-30 request done 1", "2000-01-01 schedule done 1")
		if got := b.status(); got.LastRuns[0] != want.LastRuns[0] || got.LastRuns[1] != want.LastRuns[1] {
			t.Errorf("got %+v, want %+v", got.LastRuns, want.LastRuns)
		}
		b.end()
	})
}

func TestARunThatFailedIsTriedAgainAfterARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "monthly.json")
	synctest.Test(t, func(t *testing.T) {
		api := &fakeAPI{}
		upToDate(api)
		api.start = func(*http.Request) (int, string) { return problem(500, "internal", "it broke") }
		b := restartable(t, Monthly(), off, path, api, slog.New(slog.DiscardHandler))
		b.post("/perform_monthly_maintenance?month=1999-06")
		b.end()
		api.onStart(nil)
		b = restartable(t, Monthly(), everyMonth, path, api, slog.New(slog.DiscardHandler))
		runs := b.runs()
		if len(runs) < 2 || runs[0] != "1999-06 catch_up done 1" {
			t.Errorf("runs %q", runs)
		}
		if last := b.status().LastRuns; !strings.HasSuffix(last[len(last)-1].Message, ": it broke; the run will be tried again") {
			t.Errorf("the failure is told as %+v", last[len(last)-1])
		}
		b.end()
	})
}

func TestADamagedHistoryBeginsAnew(t *testing.T) {
	for _, content := range []string{"{", `{"version":2,"program":"daily"}`, `{"version":1,"program":"monthly"}`} {
		path := filepath.Join(t.TempDir(), "daily.json")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			api := &fakeAPI{}
			upToDate(api)
			var log strings.Builder
			b := restartable(t, Daily(), off, path, api, slog.New(slog.NewTextHandler(&log, nil)))
			b.post("/perform_daily_maintenance?date=1999-06-30")
			b.end()
			if !strings.Contains(log.String(), "begins anew") {
				t.Errorf("%s: the log is %s", content, log.String())
			}
		})
		if kept, err := (historyFile{path}).load("daily"); err != nil || len(kept.Runs) != 1 {
			t.Errorf("%s: then %+v, %v", content, kept, err)
		}
	}
}

func TestADryRunIsToldAndNotRemembered(t *testing.T) {
	inBubble(t, Daily(), off, upToDate, func(t *testing.T, b *harness) {
		dry, log := "", &bytes.Buffer{}
		b.service.log = slog.New(slog.NewTextHandler(log, nil))
		b.api.onStart(func(r *http.Request) (int, string) { dry = r.FormValue("dry_run"); return 200, "" })
		response, body := b.post("/perform_daily_maintenance?date=1999-06-30&dry_run=true")
		want := `"message":"Daily maintenance would write 576 readings; nothing was written"`
		if response.StatusCode != 200 || !strings.Contains(body, want) || dry != "true" {
			t.Errorf("got %d %s, the api was asked with dry_run=%s", response.StatusCode, body, dry)
		}
		if want := regexp.MustCompile(`msg="run done" period=1999-06-30 trigger=request dry_run=true attempts=1 took=\S+ archive=\S+ rows=576`); !want.MatchString(log.String()) {
			t.Errorf("no %s in\n%s", want, log)
		}
		b.wantRuns()
		b.api.onStart(func(*http.Request) (int, string) { return problem(500, "archive_conflict", "no") })
		b.post("/perform_daily_maintenance?date=1999-06-30&dry_run=true")
		time.Sleep(time.Hour)
		synctest.Wait()
		b.wantRuns()
	})
}

func TestAHistoryBelongsToOneProgram(t *testing.T) {
	file := historyFile{filepath.Join(t.TempDir(), "runs", "daily.json")}
	release, err := file.lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.lock(); !errors.Is(err, errInUse) || !strings.Contains(err.Error(), file.path) {
		t.Errorf("a second one is told %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	again, err := file.lock()
	if err != nil {
		t.Fatalf("after the first has gone: %v", err)
	}
	if err := again(); err != nil {
		t.Error(err)
	}
}

func TestAHistoryThatCannotBeWrittenIsNoticedAtTheStart(t *testing.T) {
	inTheWay := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(inTheWay, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (historyFile{filepath.Join(inTheWay, "daily.json")}).lock(); err == nil || errors.Is(err, errInUse) {
		t.Errorf("a folder that is a file: %v", err)
	}
}
