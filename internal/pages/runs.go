package pages

import (
	"net/http"
	"path"
	"slices"
	"time"

	"meterledger/api"
	"meterledger/internal/closing"
	"meterledger/internal/meter"
)

// runsView is what maintenance does, did and should do.
type runsView struct {
	Running *runningView // nil if nothing runs
	Last    []runView
	Due     []dueView
}

// runningView is a run that is under way.
type runningView struct {
	*api.MaintenanceProgress
	Name string
	Left string // empty if it is not known yet
}

// Done returns how many rows were written, and how fast.
func (v runningView) Done() string {
	return count(int(v.Rows), "row") + ", " + grouped(int(v.RowsPerSecond)) + " a second"
}

// Since returns when the run began.
func (v runningView) Since() moment { return momentOf(v.StartedAt) }

// runView is the last run of a type.
type runView struct {
	Type                string
	*api.MaintenanceRun // nil if none is known of
}

// Files returns the names of the files that the run wrote.
func (v runView) Files() (names []string) {
	for _, a := range v.Archives {
		names = append(names, path.Base(a.File))
	}
	return names
}

// Finished returns when the run ended.
func (v runView) Finished() moment { return momentOf(v.FinishedAt) }

// dueView is a month that a run should archive, or days of one.
type dueView struct {
	Month string
	Name  string
	Why   string
	Days  int // 0 for the month itself
}

// runs shows what maintenance does, did and should do.
func (s *site) runs(w http.ResponseWriter, r *http.Request) error {
	status, err := ask[api.MaintenanceStatus](s, r, "/maintenance/status", nil)
	if err != nil {
		return err
	}
	view := runsView{Due: dueViews(status.Due)}
	if running := status.Running; running != nil {
		view.Running = &runningView{MaintenanceProgress: running, Name: string(running.Type)}
		if running.SecondsLeft != nil {
			view.Running.Left = left(*running.SecondsLeft)
		}
	}
	for _, kind := range []api.MaintenanceType{api.Daily, api.Monthly} {
		view.Last = append(view.Last, runView{string(kind), status.LastRuns[kind]})
	}
	f := staff("Runs", "/runs")
	f.Styles, f.Modules = []string{assets.Path("staff.css")}, []string{assets.Path("live.js")}
	return s.show(w, r, f, "runs", view)
}

// left says how much time is left.
func left(seconds int64) string {
	if seconds < 120 {
		return count(int(seconds), "second")
	}
	return lasting(time.Duration(seconds) * time.Second)
}

// dueViews takes the days of a month together that are due for the same reason.
func dueViews(due []api.DuePeriod) (views []dueView) {
	for _, d := range due {
		p, _ := meter.ParsePeriod(d.Period) // the api wrote it
		view := dueView{Month: p.CalendarMonth().String(), Name: monthName(p.CalendarMonth()), Why: dueWords[closing.DueReason(d.Reason)]}
		if p.IsMonth() {
			views = append(views, view)
			continue
		}
		same := func(v dueView) bool { return v.Days > 0 && v.Month == view.Month && v.Why == view.Why }
		if n := slices.IndexFunc(views, same); n >= 0 {
			views[n].Days++
			views[n].Name = count(views[n].Days, "day") + " of " + view.Name
			continue
		}
		view.Days, view.Name = 1, dayName(p.FirstDay())
		views = append(views, view)
	}
	return views
}
