package maintenance

import (
	"cmp"
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"meterledger/api"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// runPath is of a run that an operator asks for on the page.
const runPath = "/ui/run"

// root shows a browser how the service is. Programs get a few words about it.
func (s *Service) root(w http.ResponseWriter, r *http.Request) {
	if !httpkit.TellProgram(w, r, "/status", "/") {
		httpkit.For(meter.Readers, http.HandlerFunc(s.statusPage)).ServeHTTP(w, r)
	}
}

func (s *Service) statusPage(w http.ResponseWriter, r *http.Request) {
	runs, _ := s.history()
	state, canRun := s.stateMarkup(r.Context())
	body := state + httpkit.Markup(`<ul class="cards">%s%s</ul>`, s.nextMarkup(), s.lastMarkup(runs))
	if canRun && meter.Operators.Has(httpkit.CallerOf(r.Context()).Role) {
		body += s.askMarkup()
	}
	s.write(w, r, s.kind.title, body+outstandingMarkup(s.listOutstanding())+s.runsMarkup(runs))
}

func (s *Service) write(w http.ResponseWriter, r *http.Request, title string, body httpkit.HTML) {
	note := "Times are those of " + s.settings.Timezone.String()
	httpkit.WritePage(w, r, http.StatusOK, httpkit.Frame{Title: title, Note: note}, body)
}

// stateMarkup says whether anything can be run. The api is asked, so that it is true now: who presses a
// button in vain waits for all attempts.
func (s *Service) stateMarkup(ctx context.Context) (markup httpkit.HTML, canRun bool) {
	if _, err := s.look(ctx, readyPatience); err != nil {
		return httpkit.Markup(`<p class="notice bad">Nothing can be run, because of the api at <code>%s</code>: %s. <a href="/">Look again</a></p>`,
			s.settings.APIURLs, reason(err)), false
	}
	if current := s.currentPeriod(); current != (meter.Period{}) {
		return httpkit.Markup(`<p class="notice">A run of %s is under way. <a href="/">Look again</a></p>`, current), false
	}
	return `<p class="notice good">Ready: the api answers, and nothing is running.</p>`, true
}

func (s *Service) nextMarkup() httpkit.HTML {
	next, ok := s.nextTime()
	if !ok {
		return `<li class="card"><h2>Next run</h2><p>None: the schedule is off, and runs are made on request.</p></li>`
	}
	return httpkit.Markup(`<li class="card"><h2>Next run</h2><p>%s</p><p class="quiet">by the schedule <code>%s</code></p></li>`,
		s.timeMarkup(next), s.settings.Schedule)
}

func (s *Service) lastMarkup(runs []run) httpkit.HTML {
	if len(runs) == 0 {
		return `<li class="card"><h2>Last run</h2><p>None yet.</p></li>`
	}
	return httpkit.Markup(`<li class="card"><h2>Last run</h2><p>%s %s</p><p class="quiet">%s</p></li>`,
		runs[0].Period, runs[0].badge(), s.timeMarkup(runs[0].FinishedAt))
}

// askMarkup is the form for a run. The period has the name of a parameter, which is a type of input too.
func (s *Service) askMarkup() httpkit.HTML {
	return httpkit.Markup(`<h2>Run now</h2>
<form class="row" method="post" action="%s">
<p><label for="period">%s</label><input id="period" type="%s" name="%s" value="%s" max="%s" required></p>
<input type="hidden" name="dry_run" value="true">
<p><button>See what it would write</button></p>
</form>`, runPath, s.kind.unit, strings.ToLower(s.kind.unit), strings.ToLower(s.kind.unit), s.lastEnded(), s.lastEnded())
}

// runOnPage does a run and shows how the service is, or, after a dry run, asks whether to do it.
func (s *Service) runOnPage(w http.ResponseWriter, r *http.Request) error {
	done, err := s.runAskedFor(r)
	switch {
	case err != nil:
		return err
	case !done.dryRun:
		httpkit.Redirect(w, r, "/")
		return nil
	}
	s.write(w, r, "Run "+done.Period.String()+"?", httpkit.Markup(`<p class="notice">%s.</p>
<p>%s</p>
<form method="post" action="%s"><input type="hidden" name="%s" value="%s">
<p><button class="primary">Run now</button> <a class="button" href="/">Cancel</a></p></form>`,
		done.message(s.kind), s.kind.does, runPath, strings.ToLower(s.kind.unit), done.Period))
	return nil
}

// outstandingMarkup lists what has still to be archived.
func outstandingMarkup(all []api.OutstandingPeriod) httpkit.HTML {
	if len(all) == 0 {
		return `<h2>Outstanding</h2><p>Nothing that this program knows of.</p>`
	}
	var rows httpkit.HTML
	for _, of := range all {
		rows += httpkit.Markup(`<tr><th scope="row"><time>%s</time></th><td>%s</td></tr>`, of.Period, cmp.Or(why[of.Reason], of.Reason))
	}
	return httpkit.Markup(`<h2>Outstanding</h2>
<table><caption class="unseen">What is outstanding</caption><thead><tr><th scope="col">Period</th><th scope="col">Why</th></tr></thead><tbody>%s</tbody></table>`, rows)
}

// why says in words why a period is outstanding.
var why = map[string]string{
	wasMissed: "The program was not running when it was due.",
	hasFailed: "Its last run failed, and is tried again.",
	isRefused: "The api refuses it. It is tried again when the api's state of it changes, or when an operator runs it.",

	"never_archived": "It has readings and was never archived.",
	"written_early":  "Its file was written before it ended.",
	"rows_since":     "Readings of it came after it was archived.",
	"file_missing":   "Its file is missing.",
}

func (s *Service) runsMarkup(runs []run) httpkit.HTML {
	if len(runs) == 0 {
		return ""
	}
	var rows httpkit.HTML
	for _, done := range runs {
		result := httpkit.Markup(`%s readings in <code>%s</code>`, done.Archive.Rows, filepath.Base(done.Archive.File))
		if !done.succeeded() {
			result = httpkit.Markup(`%s (<code>%s</code>)`, done.Detail, done.Code)
		}
		rows += httpkit.Markup(`<tr><th scope="row"><time>%s</time></th><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td class="num">%s</td></tr>
`, done.Period, done.badge(), result, begunBy[done.Trigger], s.timeMarkup(done.StartedAt), done.took())
	}
	return httpkit.Markup(`<h2>Last runs</h2>
<div class="wide" tabindex="0" role="region" aria-label="Last runs"><table><caption class="unseen">Last runs, the newest first</caption>
<thead><tr><th scope="col">Period</th><th scope="col">Result</th><th scope="col">What</th><th scope="col">Begun by</th><th scope="col">Started</th><th scope="col" class="num">Took</th></tr></thead>
<tbody>
%s</tbody></table></div>`, rows)
}

var begunBy = map[trigger]string{bySchedule: "schedule", byRequest: "request", byCatchUp: "catching up"}

func (r run) badge() httpkit.HTML {
	if r.succeeded() {
		return `<span class="badge good">Done</span>`
	}
	return `<span class="badge bad">Failed</span>`
}

// took says how long a run was under way, and how often it asked the api if that was more than once.
func (r run) took() string {
	took := r.FinishedAt.Sub(r.StartedAt).Round(10 * time.Millisecond).String()
	if r.Attempts > 1 {
		took += ", " + attempts(r.Attempts)
	}
	return took
}

func (s *Service) timeMarkup(t time.Time) httpkit.HTML {
	return httpkit.Markup(`<time datetime="%s">%s</time>`, s.stamp(t), t.In(s.settings.Timezone.Location()).Format("Mon 2 Jan 2006, 15:04"))
}
