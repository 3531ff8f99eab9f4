package maintenance

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"meterledger/api/apitest"
	"meterledger/internal/client"
)

// byHost are the nodes of an api, by their names.
type byHost map[string]http.RoundTripper

func (n byHost) RoundTrip(r *http.Request) (*http.Response, error) { return n[r.URL.Host].RoundTrip(r) }

// join has the service ask two nodes, of which the first is returned and the second is b.api.
func (b *harness) join() (first *fakeAPI) {
	first = &fakeAPI{}
	upToDate(first)
	h := &http.Client{Transport: apitest.NewTransport(b.t, byHost{"one.example": first, "two.example": b.api})}
	b.service.api = client.New(&url.URL{Scheme: "http", Host: "one.example"}, h, &url.URL{Scheme: "http", Host: "two.example"})
	return first
}

func TestARunGoesOnAtTheNextNodeInOneAttempt(t *testing.T) {
	for name, lose := range map[string]func(*fakeAPI){
		"it is away": func(f *fakeAPI) { f.away = true },
		"it does not know who leads": func(f *fakeAPI) {
			f.start = func(*http.Request) (int, string) { return problem(503, "not_ready", "no node leads at present") }
		},
		"it is gone in the middle, and its connection stays": func(f *fakeAPI) {
			f.start = func(r *http.Request) (int, string) {
				f.set(func() { f.away = true })
				<-r.Context().Done()
				return 500, "{}"
			}
		},
		"it stops answering in the middle": func(f *fakeAPI) {
			f.start = func(r *http.Request) (int, string) {
				<-r.Context().Done()
				return 500, "{}"
			}
			f.health = func(r *http.Request) { <-r.Context().Done() }
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Daily(), off, upToDate, func(t *testing.T, b *harness) {
				first := b.join()
				first.set(func() { lose(first) })
				response, body := b.post("/perform_daily_maintenance?date=1999-07-01")
				if response.StatusCode != http.StatusOK {
					t.Errorf("got %s", body)
				}
				b.wantRuns("1999-07-01 request done 1")
				if asked := b.api.asked(); !slices.Equal(asked, []string{"1999-07-01"}) {
					t.Errorf("the second node was asked for %q", asked)
				}
				b.post("/perform_daily_maintenance?date=1999-07-02")
				if again := first.asked(); slices.Contains(again, "1999-07-02") {
					t.Errorf("the first node was asked again: %q", again)
				}
			})
		})
	}
}

func TestABusyApiIsAskedAgainAndNoOther(t *testing.T) {
	inBubble(t, Daily(), off, upToDate, func(t *testing.T, b *harness) {
		first, left := b.join(), 2
		first.onStart(func(*http.Request) (int, string) {
			if left--; left >= 0 {
				return problem(503, "maintenance_running", "monthly maintenance is running")
			}
			return 200, ""
		})
		b.post("/perform_daily_maintenance?date=1999-07-01")
		b.wantRuns("1999-07-01 request done 3")
		if asked := b.api.asked(); len(asked) > 0 {
			t.Errorf("the second node was asked for %q", asked)
		}
	})
}

// TestCatchingUpLooksAtArchivesAndNotAtRuns: a run may have begun, and have died with its leader; and what another
// leader says of its last runs is of that process.
func TestCatchingUpLooksAtArchivesAndNotAtRuns(t *testing.T) {
	for _, told := range []string{"null", `{"period":"1999-12-31","success":true,"message":"completed successfully","started_at":"2000-01-01T00:05:00","finished_at":"2000-01-01T00:06:00","archives":[]}`} {
		inBubble(t, Daily(), everyDay, func(f *fakeAPI) {
			upToDate(f)
			f.archives, f.lastDaily = slices.Delete(f.archives, 0, 1), told
		}, func(t *testing.T, b *harness) {
			time.Sleep(time.Minute)
			synctest.Wait()
			if asked := b.api.asked(); !slices.Equal(asked, []string{"1999-12-31"}) {
				t.Errorf("with the last run %s these periods are caught up with: %q", told, asked)
			}
		})
	}
}
