package maintenance

import (
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"meterledger/api"
)

// outstanding says of each period that is still to be archived why it is.
func (b *harness) outstanding() []string {
	b.t.Helper()
	told := []string{}
	for _, of := range b.status().Outstanding {
		told = append(told, of.Period+" "+of.Reason)
	}
	return told
}

func TestStartCatchesUpWithWhatIsDueTheOldestFirst(t *testing.T) {
	prepare := func(f *fakeAPI) {
		upToDate(f)
		f.due = []api.DuePeriod{
			{Period: "1999-11-05", Reason: "rows_since"},
			{Period: "1999-12-31", Reason: "written_early"},
			{Period: "1987-03", Reason: "never_archived"},
			{Period: "1999-12", Reason: "rows_since"},
		}
	}
	inBubble(t, Daily(), everyDay, prepare, func(t *testing.T, b *harness) {
		b.wantRuns("1999-12-31 catch_up done 1", "1999-11-05 catch_up done 1")
	})
	inBubble(t, Monthly(), everyMonth, prepare, func(t *testing.T, b *harness) {
		b.wantRuns("1999-12 catch_up done 1", "1987-03 catch_up done 1")
		b.at("2000-02-01T00:15:00")
		b.wantRuns("2000-01 schedule done 1", "1999-12 catch_up done 1", "1987-03 catch_up done 1")
	})
	inBubble(t, Monthly(), off, prepare, func(t *testing.T, b *harness) { b.wantRuns() })
}

func TestWhatIsCaughtUpWithIsToldInStatusAndLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		f := &fakeAPI{}
		upToDate(f)
		f.due = []api.DuePeriod{{Period: "1987-03", Reason: "never_archived"}, {Period: "1999-12", Reason: "rows_since"}}
		hold := make(chan struct{})
		f.start = func(*http.Request) (int, string) { <-hold; return 200, "" }
		b := restartable(t, Monthly(), everyMonth, "", f, slog.New(slog.NewTextHandler(&log, nil)))
		if diff := cmp.Diff([]string{"1987-03 never_archived", "1999-12 rows_since"}, b.outstanding()); diff != "" {
			t.Error(diff)
		}
		close(hold)
		synctest.Wait()
		if left := b.outstanding(); len(left) > 0 {
			t.Errorf("%v is left", left)
		}
		b.end()
		if !strings.Contains(log.String(), `periods="1987-03 never_archived, 1999-12 rows_since"`) {
			t.Errorf("the log is %s", log.String())
		}
	})
}

func TestAMonthThatWasClosedOnTheWayIsNotClosedAgain(t *testing.T) {
	prepare := func(f *fakeAPI) {
		upToDate(f)
		f.due = []api.DuePeriod{{Period: "1999-03", Reason: "never_archived"}, {Period: "1999-12", Reason: "rows_since"}}
		f.along = "1999-12"
	}
	inBubble(t, Monthly(), everyMonth, prepare, func(t *testing.T, b *harness) {
		if diff := cmp.Diff([]string{"1999-03"}, b.api.asked()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWhereNoMeterExistsNothingIsArchived(t *testing.T) {
	inBubble(t, Monthly(), everyMonth, func(f *fakeAPI) { f.noMeters = true }, func(t *testing.T, b *harness) {
		b.at("2000-02-01T00:20:00")
		b.wantRuns()
		b.api.set(func() { b.api.noMeters = false })
		b.at("2000-03-01T00:20:00")
		b.wantRuns("2000-02 schedule done 1")
		b.post("/perform_monthly_maintenance?month=1999-06") // an operator may
		if asked := b.api.asked(); asked[len(asked)-1] != "1999-06" {
			t.Errorf("the api was asked for %v", asked)
		}
	})
}

func TestBesideAnAPIOfAnotherZoneNothingIsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		f := &fakeAPI{zone: "Europe/London"}
		b := restartable(t, Daily(), everyDay, "", f, slog.New(slog.NewTextHandler(&log, nil)))
		b.at("2000-01-03T12:00:00")
		if told := strings.Count(log.String(), "Europe/London"); told != 1 {
			t.Errorf("the log says so %d times: %s", told, log.String())
		}
		response, body := b.post("/perform_daily_maintenance")
		if p := asProblem(t, body); response.StatusCode != 503 || p.Code != "api_unavailable" || !strings.Contains(p.Detail, `the api keeps the time zone "Europe/London" and this program "Asia/Singapore"`) {
			t.Errorf("a request is answered %s", body)
		}
		if asked := f.asked(); len(asked) > 0 {
			t.Errorf("the api was asked for %v", asked)
		}
		b.wantReady(503, "other_zone")
		if reason := b.status().Reason; reason == nil || *reason != "other_zone" {
			t.Errorf("the status gives the reason %v", reason)
		}
		f.set(func() { f.zone = "" })
		b.at("2000-01-03T12:05:00")
		b.wantReady(200, "")
		if asked := f.asked(); len(asked) == 0 {
			t.Error("nothing is run beside an api of the same zone")
		}
		b.end()
	})
}

// wantReady asks whether the service is ready.
func (b *harness) wantReady(status int, reason string) {
	b.t.Helper()
	response, body := b.do(b.t.Context(), http.MethodGet, "/readyz")
	if response.StatusCode != status || reason != "" && !strings.Contains(body, `"reason":"`+reason+`"`) {
		b.t.Errorf("readyz is answered %d %s, want %d %s", response.StatusCode, body, status, reason)
	}
}

func TestAServiceIsNotReadyWithoutItsAPI(t *testing.T) {
	inBubble(t, Daily(), off, upToDate, func(t *testing.T, b *harness) {
		b.wantReady(200, "")
		b.api.set(func() { b.api.away = true })
		b.wantReady(503, "api_away")
	})
}

// TestARefusalForGoodIsRememberedUntilSomethingChanges goes through restarts, scheduled runs
// and catching up.
func TestARefusalForGoodIsRememberedUntilSomethingChanges(t *testing.T) {
	for name, change := range map[string]func(b *harness){
		"the api's state of the period": func(b *harness) {
			b.api.set(func() { b.api.state = "file_missing" })
			b.at("2000-05-01T00:15:00")
		},
		"an operator asks": func(b *harness) { b.post("/perform_monthly_maintenance?month=1999-11") },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "monthly.json")
			synctest.Test(t, func(t *testing.T) {
				f := &fakeAPI{}
				upToDate(f)
				f.archives = append(f.archives, archived("1999-11"))
				f.due = []api.DuePeriod{{Period: "1999-11", Reason: "rows_since"}}
				f.start = func(r *http.Request) (int, string) {
					if r.FormValue("month") == "1999-11" {
						return problem(500, "archive_conflict", "it was changed")
					}
					return 200, ""
				}
				count := func() (n int) {
					for _, period := range f.asked() {
						if period == "1999-11" {
							n++
						}
					}
					return n
				}
				var log strings.Builder
				b := restartable(t, Monthly(), everyMonth, path, f, slog.New(slog.NewTextHandler(&log, nil)))
				b.at("2000-03-01T00:15:00")
				b.end()
				b = restartable(t, Monthly(), everyMonth, path, f, slog.New(slog.NewTextHandler(&log, nil)))
				b.at("2000-04-01T00:15:00")
				if asked := count(); asked != 1 || strings.Count(log.String(), "run refused by the api") != 1 {
					t.Errorf("it was asked for %d times: %s", asked, log.String())
				}
				if diff := cmp.Diff([]string{"1999-11 refused"}, b.outstanding()); diff != "" {
					t.Error(diff)
				}
				f.onStart(nil)
				change(b)
				if asked := count(); asked != 2 || len(b.outstanding()) > 0 {
					t.Errorf("then it was asked for %d times, and %v is outstanding", asked, b.outstanding())
				}
				b.end()
			})
		})
	}
}
