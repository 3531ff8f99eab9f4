package maintenance

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"meterledger/internal/client"
)

func TestRunGoesOnAskingAnAPIThatIsAwayOrBusy(t *testing.T) {
	answers := []func() (int, string){
		func() (int, string) { return problem(503, "maintenance_running", "monthly maintenance is running") },
		func() (int, string) { return problem(500, "internal", "something went wrong") },
		func() (int, string) { return problem(429, "overloaded", "too many requests") },
		func() (int, string) { return 200, "" },
	}
	inBubble(t, Daily(), off, upToDate, func(t *testing.T, b *harness) {
		b.api.onStart(func(*http.Request) (int, string) {
			next := answers[0]
			answers = answers[1:]
			return next()
		})
		response, body := b.post("/perform_daily_maintenance")
		if response.StatusCode != 200 {
			t.Errorf("got %s", body)
		}
		b.wantRuns("1999-12-31 request done 4")
	})
}

func TestRequestGivesUpAndIsMadeGoodLater(t *testing.T) {
	inBubble(t, Daily(), off, upToDate, func(t *testing.T, b *harness) {
		b.api.set(func() { b.api.away = true })
		begun := time.Now()
		response, body := b.post("/perform_daily_maintenance?date=1999-07-01")
		if took := time.Since(begun); took > 30*time.Second || took < 5*time.Second {
			t.Errorf("gave up after %v", took)
		}
		p := asProblem(t, body)
		if p.Status != 503 || p.Code != "api_unavailable" || response.Header.Get("Retry-After") != "30" ||
			!strings.HasPrefix(p.Detail, "the api did not archive 1999-07-01 in ") || !strings.HasSuffix(p.Detail, " attempts: connection refused; the run will be tried again") {
			t.Errorf("got %s", body)
		}
		b.api.set(func() { b.api.away = false })
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if runs := b.runs(); len(runs) != 2 || runs[0] != "1999-07-01 catch_up done 1" {
			t.Errorf("runs: %v", runs)
		}
	})
}

func TestScheduledRunAsksForSixHoursAndIsTriedAgain(t *testing.T) {
	inBubble(t, Daily(), everyDay, upToDate, func(t *testing.T, b *harness) {
		b.api.set(func() { b.api.away = true })
		b.at("2000-01-02T05:50:00")
		if got := b.status(); !got.Running || len(got.LastRuns) > 0 {
			t.Errorf("after less than six hours: %+v", got)
		}
		b.at("2000-01-02T06:05:00")
		got := b.status()
		if len(got.LastRuns) != 1 || got.LastRuns[0].Success || got.LastRuns[0].ArchivePath != "" || got.LastRuns[0].Attempts < 100 {
			t.Errorf("after six hours: %+v", got)
		}
		b.api.set(func() { b.api.away = false })
		b.at("2000-01-02T06:10:00")
		if runs := b.runs(); runs[0] != "2000-01-01 catch_up done 1" {
			t.Errorf("runs: %v", runs)
		}
	})
}

func TestRefusalIsPassedOnAtOnceAndNotTriedAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		status       int
		code, detail string
	}{
		"bad request": {400, "invalid_parameter", "date 2000-02-01 has not begun yet"},
		"conflict":    {500, "archive_conflict", "archive daily_2000-02-01.csv was changed since it was written"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Daily(), off, upToDate, func(t *testing.T, b *harness) {
				b.api.onStart(func(*http.Request) (int, string) { return problem(tt.status, tt.code, tt.detail) })
				response, body := b.post("/perform_daily_maintenance?date=2000-02-01")
				if p := asProblem(t, body); response.StatusCode != tt.status || p.Code != tt.code || p.Detail != tt.detail {
					t.Errorf("got %s", body)
				}
				if runs := b.runs(); runs[len(runs)-1] != "2000-02-01 request failed 1" {
					t.Errorf("runs: %v", runs)
				}
			})
		})
	}
}

func TestWrongServerIsNotTakenForTheAPI(t *testing.T) {
	inBubble(t, Daily(), off, upToDate, func(t *testing.T, b *harness) {
		b.service.api = client.New(b.service.settings.APIURLs[0], &http.Client{Transport: handlerTransport{http.NotFoundHandler()}})
		response, body := b.post("/perform_daily_maintenance")
		want := "the api did not archive 1999-12-31 in 1 attempt: api.example answered 404 Not Found, which is not an answer of the api; the run will be tried again"
		if p := asProblem(t, body); response.StatusCode != 503 || p.Code != "api_unavailable" || p.Detail != want {
			t.Errorf("got %s", body)
		}
	})
}

func TestCallerWhoHangsUpStopsNothing(t *testing.T) {
	inBubble(t, Daily(), off, upToDate, func(t *testing.T, b *harness) {
		b.api.onStart(func(r *http.Request) (int, string) {
			select {
			case <-r.Context().Done():
			case <-time.After(time.Minute):
			}
			return 200, ""
		})
		ctx, hangUp := context.WithTimeout(t.Context(), time.Second)
		defer hangUp()
		b.do(ctx, http.MethodPost, "/perform_daily_maintenance")
		b.wantRuns("1999-12-31 request done 1")
	})
}

func TestLongRunIsWaitedForWhileTheAPIIsAlive(t *testing.T) {
	inBubble(t, Daily(), off, upToDate, func(t *testing.T, b *harness) {
		b.api.onStart(func(*http.Request) (int, string) { time.Sleep(3 * time.Hour); return 200, "" })
		if response, body := b.post("/perform_daily_maintenance"); response.StatusCode != 200 {
			t.Errorf("got %s", body)
		}
		b.wantRuns("1999-12-31 request done 1")
	})
}

func TestSilentAPIIsGivenUpOn(t *testing.T) {
	hang := func(r *http.Request) { <-r.Context().Done() }
	inBubble(t, Daily(), off, upToDate, func(t *testing.T, b *harness) {
		b.api.onHealth(hang)
		b.api.onStart(func(r *http.Request) (int, string) { hang(r); return 200, "" })
		begun := time.Now()
		_, body := b.post("/perform_daily_maintenance")
		if took := time.Since(begun); took > 41*time.Second {
			t.Errorf("gave up after %v", took)
		}
		if p := asProblem(t, body); p.Code != "api_unavailable" || !strings.Contains(p.Detail, "it has stopped answering") {
			t.Errorf("got %s", body)
		}
	})
}

func TestStopEndsTheRetries(t *testing.T) {
	inBubble(t, Daily(), off, upToDate, func(t *testing.T, b *harness) {
		b.api.set(func() { b.api.away = true })
		var request sync.WaitGroup
		request.Go(func() {
			_, body := b.post("/perform_daily_maintenance")
			want := "daily is being stopped before the api has archived 1999-12-31; ask again once it is back"
			if p := asProblem(t, body); p.Code != "api_unavailable" || p.Detail != want {
				t.Errorf("got %s", body)
			}
		})
		time.Sleep(10 * time.Second)
		begun := time.Now()
		b.stop()
		request.Wait()
		b.keeping.Wait()
		if took := time.Since(begun); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}

func TestStopLetsTheAttemptEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		takes, want time.Duration
		runs        string
	}{
		"soon":     {5 * time.Second, 4 * time.Second, "2000-01-01 schedule done 1"},
		"too late": {time.Hour, 8 * time.Second, "2000-01-01 schedule failed 1"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Daily(), everyDay, upToDate, func(t *testing.T, b *harness) {
				b.api.onStart(func(r *http.Request) (int, string) {
					select {
					case <-r.Context().Done():
					case <-time.After(tt.takes):
					}
					return 200, ""
				})
				b.at("2000-01-02T00:05:01")
				begun := time.Now()
				b.stop()
				b.keeping.Wait()
				if took := time.Since(begun); took != tt.want {
					t.Errorf("it took %v, want %v", took, tt.want)
				}
				b.wantRuns(tt.runs)
			})
		})
	}
}
