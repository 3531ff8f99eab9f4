package maintenance

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"meterledger/api"
)

// browses sends what a browser sends of a page: a GET, or a POST of a form.
func (b *harness) browses(target, form string, sent ...string) (*http.Response, string) {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), http.MethodGet, "http://localhost"+target, nil)
	if form != "" {
		r = httptest.NewRequestWithContext(b.t.Context(), http.MethodPost, "http://localhost"+target, strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept", "text/html")
	if len(sent) > 0 {
		r.Header["Authorization"] = sent
	}
	answer, err := b.plain.RoundTrip(r)
	if err != nil {
		b.t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer, string(body)
}

// wantPage wants a page of a status that tells all of some texts, and returns it.
func (b *harness) wantPage(status int, target, form string, tells ...string) string {
	b.t.Helper()
	answer, page := b.browses(target, form)
	if answer.StatusCode != status || !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html") {
		b.t.Errorf("%s %s is answered %s: %s", target, form, answer.Status, page)
	}
	for _, text := range tells {
		if !strings.Contains(page, text) {
			b.t.Errorf("%s %s does not tell %q:\n%s", target, form, text, page)
		}
	}
	return page
}

func TestTheStatusPageTellsWhatWasRunAndWhatIsDue(t *testing.T) {
	inBubble(t, Daily(), everyDay, upToDate, func(t *testing.T, b *harness) {
		b.wantPage(200, "/", "", "Ready: the api answers", "Last run</h2><p>None yet.", "Nothing that this program knows of",
			`<time datetime="2000-01-02T00:05:00">Sun 2 Jan 2000, 00:05</time>`, "<code>5 0 * * *</code>")
		b.api.onStart(func(*http.Request) (int, string) { return problem(400, "archive_conflict", "<b> & the rest") })
		b.at("2000-01-02T00:06:00")
		page := b.wantPage(200, "/", "", `2000-01-01 <span class="badge bad">Failed`, "&lt;b&gt; &amp; the rest (<code>archive_conflict</code>)", "The api refuses it.", "<td>schedule</td>")
		if strings.Contains(page, "<b>") {
			t.Errorf("the api's text runs as markup:\n%s", page)
		}
		b.api.onStart(nil)
		b.post("/perform_daily_maintenance")
		b.wantPage(200, "/", "", `2000-01-01 <span class="badge good">Done`, "576 readings in <code>daily_2000-01-01.csv</code>", "<td>request</td>", "Nothing that this program knows of")
		b.api.set(func() { b.api.away = true })
		if page := b.wantPage(200, "/", "", "Nothing can be run, because of the api at <code>http", "</code>: connection refused."); strings.Contains(page, "<form") {
			t.Errorf("a run is offered that nobody can make:\n%s", page)
		}
		b.api.set(func() { b.api.away, b.api.zone = false, "Europe/London" })
		b.wantPage(200, "/", "", "the api keeps the time zone &#34;Europe/London&#34;")
	})
}

func TestTheStatusPageTellsOfARunThatIsUnderWay(t *testing.T) {
	inBubble(t, Monthly(), off, upToDate, func(t *testing.T, b *harness) {
		going := make(chan struct{})
		b.api.onStart(func(*http.Request) (int, string) { <-going; return http.StatusOK, "" })
		b.keeping.Go(func() { b.post("/perform_monthly_maintenance") })
		time.Sleep(time.Second)
		if page := b.wantPage(200, "/", "", "A run of 1999-12 is under way.", "None: the schedule is off"); strings.Contains(page, "<form") {
			t.Errorf("a second run is offered:\n%s", page)
		}
		b.wantPage(503, runPath, "month=1999-11", "one run at a time", "maintenance_running")
		close(going)
	})
}

func TestARunOfThePageIsTriedDryFirst(t *testing.T) {
	inBubble(t, Monthly(), off, upToDate, func(t *testing.T, b *harness) {
		b.wantPage(200, "/", "", `type="month" name="month" value="1999-12"`, `name="dry_run" value="true"`)
		b.wantPage(200, runPath, "month=1999-11&dry_run=true", "<h1>Run 1999-11?</h1>", "would write 576 readings; nothing was written", `name="month" value="1999-11"`)
		b.wantRuns()
		if answer, _ := b.browses(runPath, "month=1999-11"); answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/" {
			t.Errorf("the run is answered %s to %s", answer.Status, answer.Header.Get("Location"))
		}
		b.wantRuns("1999-11 request done 1")
		b.wantPage(400, runPath, "month=never", "invalid_parameter", "month")
		b.wantPage(400, runPath, "date=1999-11-01", "invalid_parameter", "is not a parameter here")
		b.wantRuns("1999-11 request done 1")
	})
}

func TestAnAuditorSeesTheStatusPageWithoutTheForm(t *testing.T) {
	inBubble(t, Daily(), off, behindDoor, func(t *testing.T, b *harness) {
		b.service.api = b.service.api.With(credential(ours))
		for sent, want := range map[string]struct {
			see, run int
			hasForm  bool
		}{lims: {200, 303, true}, anns: {200, 403, false}, "Bearer mlm_head": {403, 403, false}, "": {401, 401, false}} {
			var headers []string
			if sent != "" {
				headers = []string{sent}
			}
			seen, page := b.browses("/", "", headers...)
			asked, _ := b.browses(runPath, "date=1999-12-01", headers...)
			if seen.StatusCode != want.see || asked.StatusCode != want.run || strings.Contains(page, "Run now") != want.hasForm {
				t.Errorf("%q sees %s, with the form %v, and is answered %s", sent, seen.Status, !want.hasForm, asked.Status)
			}
		}
		if asked := b.api.asked(); len(asked) != 1 {
			t.Errorf("the api was asked for %v", asked)
		}
	})
}

func TestAProgramIsToldWhereToAsk(t *testing.T) {
	inBubble(t, Daily(), off, behindDoor, func(t *testing.T, b *harness) {
		answer, err := b.plain.RoundTrip(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/", nil))
		if err != nil {
			t.Fatal(err)
		}
		var root api.Root
		if err := json.NewDecoder(answer.Body).Decode(&root); err != nil || root.Name != "meterledger daily" || answer.StatusCode != http.StatusOK {
			t.Fatal(answer.Status, root, err)
		}
		for name, path := range root.Links {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+path, nil)
			r.Header.Set("Authorization", lims)
			if answer, err := b.plain.RoundTrip(r); err != nil || answer.StatusCode >= http.StatusBadRequest && name != "ready" {
				t.Errorf("%s leads to %s, which is answered %s, %v", name, path, answer.Status, err)
			}
		}
	})
}
