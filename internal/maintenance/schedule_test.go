package maintenance

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"meterledger/api"
	"meterledger/internal/meter"
)

func TestScheduleArchivesEachDayThatHasEnded(t *testing.T) {
	inBubble(t, Daily(), everyDay, upToDate, func(t *testing.T, b *harness) {
		if got := b.status(); *got.NextRun != "2000-01-02T00:05:00" || got.Schedule != everyDay || got.Running || len(got.LastRuns) > 0 {
			t.Errorf("at the start: %+v", got)
		}
		b.at("2000-01-03T00:05:00")
		b.wantRuns("2000-01-02 schedule done 1", "2000-01-01 schedule done 1")
		got := b.status()
		want := api.ScheduledRun{
			Period: "2000-01-02", Trigger: "schedule", Success: true, Message: "Daily maintenance completed successfully", Attempts: 1,
			ArchivePath: "Archive/daily_2000-01-02.csv", StartedAt: "2000-01-03T00:05:00", FinishedAt: "2000-01-03T00:05:00",
		}
		if got.LastRuns[0] != want || *got.NextRun != "2000-01-04T00:05:00" {
			t.Errorf("got %+v", got)
		}
	})
}

func TestScheduleArchivesEachMonthThatHasEnded(t *testing.T) {
	inBubble(t, Monthly(), everyMonth, upToDate, func(t *testing.T, b *harness) {
		b.at("2000-03-01T00:15:00")
		b.wantRuns("2000-02 schedule done 1", "2000-01 schedule done 1")
	})
}

func TestStartCatchesUpWithEveryDayThatWasMissed(t *testing.T) {
	prepare := func(f *fakeAPI) {
		f.archives = []api.Archive{archived("1999-12-25"), archived("1999-12-28"), archived("1999-12-30"), archived("1999-11")}
		f.due = []api.DuePeriod{{Period: "1999-12-29", Reason: "never_archived"}}
	}
	inBubble(t, Daily(), everyDay, prepare, func(t *testing.T, b *harness) { // the 26th and the 27th have no readings
		b.wantRuns("1999-12-31 catch_up done 1", "1999-12-29 catch_up done 1")
	})
}

func TestStartWithoutAnyArchiveMakesOnlyTheLast(t *testing.T) {
	inBubble(t, Monthly(), everyMonth, func(*fakeAPI) {}, func(t *testing.T, b *harness) {
		b.wantRuns("1999-12 catch_up done 1")
	})
}

func TestNothingIsCaughtUpWithWhereTheScheduleIsOff(t *testing.T) {
	inBubble(t, Monthly(), off, func(*fakeAPI) {}, func(t *testing.T, b *harness) {
		b.at("2000-01-09T12:00:00")
		b.wantRuns()
	})
}

func TestStartWaitsForAnAPIThatIsAway(t *testing.T) {
	inBubble(t, Daily(), everyDay, func(f *fakeAPI) { f.away = true }, func(t *testing.T, b *harness) {
		b.at("2000-01-01T20:00:00")
		b.wantRuns()
		b.api.set(func() { b.api.away = false })
		b.at("2000-01-01T20:02:00") // a pause is at most 90 seconds
		b.wantRuns("1999-12-31 catch_up done 1")
	})
}

func TestCatchUpIsBounded(t *testing.T) {
	old := []api.ArchiveListing{{Archive: archived("1990-01-01")}, {Archive: archived("1990-01")}}
	days := Daily().missed(old, period(t, "1999-12-31"))
	if len(days) != 62 || days[0] != period(t, "1999-10-31") || days[61] != period(t, "1999-12-31") {
		t.Errorf("days: %v", days)
	}
	months := Monthly().missed(old, period(t, "1999-12"))
	if len(months) != 12 || months[0] != period(t, "1999-01") || months[11] != period(t, "1999-12") {
		t.Errorf("months: %v", months)
	}
	if early := Daily().missed([]api.ArchiveListing{{Archive: archived("2000-01-01")}}, period(t, "1999-12-31")); early != nil {
		t.Errorf("only today is archived: %v", early)
	}
}

func period(t *testing.T, text string) meter.Period {
	t.Helper()
	p, ok := meter.ParsePeriod(text)
	if !ok {
		t.Fatalf("%s is no period", text)
	}
	return p
}

func TestScheduleOffStillRunsOnRequest(t *testing.T) {
	inBubble(t, Daily(), off, upToDate, func(t *testing.T, b *harness) {
		b.at("2000-01-09T12:00:00")
		if got := b.status(); got.NextRun != nil || got.Schedule != "off" || len(got.LastRuns) > 0 {
			t.Errorf("got %+v", got)
		}
		response, body := b.post("/perform_daily_maintenance")
		want := `{"success":true,"message":"Daily maintenance completed successfully","timestamp":"2000-01-09T12:00:00","archive_path":"Archive/daily_2000-01-08.csv"}` + "\n"
		if response.StatusCode != 200 || body != want {
			t.Errorf("got %d %s", response.StatusCode, body)
		}
	})
}

func TestRequestNamesThePeriod(t *testing.T) {
	inBubble(t, Daily(), off, upToDate, func(t *testing.T, b *harness) {
		b.post("/perform_daily_maintenance?date=1999-06-30")
		b.wantRuns("1999-06-30 request done 1")
	})
	inBubble(t, Monthly(), off, upToDate, func(t *testing.T, b *harness) {
		if _, body := b.post("/perform_monthly_maintenance?month=1999-06"); !strings.Contains(body, `"Archive/monthly_1999-06.csv"`) {
			t.Errorf("got %s", body)
		}
		b.wantRuns("1999-06 request done 1")
	})
}

func TestWrongParametersNeverReachTheAPI(t *testing.T) {
	inBubble(t, Daily(), off, upToDate, func(t *testing.T, b *harness) {
		for query, field := range map[string]string{"date=1999-02-29": "date", "month=1999-02": "month", "date=1999-01-01&date=1999-01-01": "date"} {
			response, body := b.post("/perform_daily_maintenance?" + query)
			if p := asProblem(t, body); response.StatusCode != 400 || p.Code != "invalid_parameter" || p.Field != field {
				t.Errorf("%s: got %s", query, body)
			}
		}
		if asked := b.api.asked(); len(asked) > 0 {
			t.Errorf("the api was asked for %v", asked)
		}
	})
}

func TestSecondRequestMeanwhileIsRefused(t *testing.T) {
	inBubble(t, Daily(), off, upToDate, func(t *testing.T, b *harness) {
		archived := make(chan struct{})
		b.api.onStart(func(*http.Request) (int, string) { <-archived; return 200, "" })
		var first sync.WaitGroup
		first.Go(func() { b.post("/perform_daily_maintenance") })
		synctest.Wait()
		response, body := b.post("/perform_daily_maintenance?date=1999-07-01")
		p := asProblem(t, body)
		if p.Status != 503 || p.Code != "maintenance_running" || p.Detail != "daily maintenance of 1999-12-31 is running; one run at a time" || response.Header.Get("Retry-After") == "" {
			t.Errorf("got %s", body)
		}
		if !b.status().Running {
			t.Error("the status does not say that a run goes on")
		}
		close(archived)
		first.Wait()
		b.wantRuns("1999-12-31 request done 1")
	})
}

func TestScheduledRunWaitsForItsTurn(t *testing.T) {
	inBubble(t, Daily(), everyDay, upToDate, func(t *testing.T, b *harness) {
		b.api.onStart(func(*http.Request) (int, string) { time.Sleep(time.Hour); return 200, "" })
		var request sync.WaitGroup
		b.at("2000-01-02T00:00:00")
		request.Go(func() { b.post("/perform_daily_maintenance?date=1999-07-01") })
		b.at("2000-01-02T00:30:00")
		b.wantRuns()
		request.Wait()
		b.at("2000-01-02T02:00:00")
		if runs := b.runs(); len(runs) != 2 || runs[0] != "2000-01-01 schedule done 1" || runs[1] != "1999-07-01 request done 1" {
			t.Errorf("runs: %v", runs)
		}
	})
}

func TestHistoryKeepsTheLastTwentyRuns(t *testing.T) {
	inBubble(t, Daily(), everyDay, upToDate, func(t *testing.T, b *harness) {
		b.at("2000-01-31T12:00:00")
		runs := b.runs()
		if len(runs) != 20 || runs[0] != "2000-01-30 schedule done 1" || runs[19] != "2000-01-11 schedule done 1" {
			t.Errorf("runs: %v", runs)
		}
	})
}

func TestStatusTakesNoParameters(t *testing.T) {
	inBubble(t, Daily(), off, upToDate, func(t *testing.T, b *harness) {
		if response, body := b.do(t.Context(), http.MethodGet, "/status?period=today"); response.StatusCode != 400 {
			t.Errorf("got %s", body)
		}
	})
}
