package maintenance

import (
	"context"
	"net/http"
	"time"

	"meterledger/api"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// Handler returns the service's endpoints, and those that all programs of the suite have. It
// is called once, before the first run.
func (s *Service) Handler(metrics *httpkit.Metrics) http.Handler {
	s.measure(metrics.Set)
	program := httpkit.Program{
		Name: api.Program(s.kind.program), Log: s.log, Metrics: metrics,
		Hosts: httpkit.NewHosts(s.settings.Addr, s.settings.Hosts), Proxies: s.settings.TrustedProxies, SwaggerUI: httpkit.SwaggerUI(),
	}
	if s.settings.Auth {
		program.Door = newDoor(s.api)
	}
	r := httpkit.NewRouter(program)
	for _, route := range s.routes() {
		r.Method(route.method, route.pattern, httpkit.For(route.roles, route.handler))
	}
	r.Method(http.MethodPost, runPath, httpkit.For(meter.Operators, httpkit.Asked(s.log, httpkit.Handler(s.runOnPage))))
	return r
}

// route is an endpoint. feature is its tag in the document.
type route struct {
	method, pattern, feature string
	roles                    meter.Roles // who may ask
	handler                  http.Handler
}

// routes is the table of the endpoints. The router is built from it, and a test compares it
// with the document.
func (s *Service) routes() []route {
	return []route{
		{http.MethodPost, s.kind.path, s.kind.program, meter.Operators, httpkit.Asked(s.log, httpkit.Handler(s.performOnRequest))},
		{http.MethodGet, "/", "operations", meter.Anyone, http.HandlerFunc(s.root)},
		{http.MethodGet, "/readyz", "operations", meter.Anyone, httpkit.Answer(s.settings.Timezone, s.ready)},
		{http.MethodGet, "/status", "operations", meter.Readers, httpkit.Answer(s.settings.Timezone, s.status)},
	}
}

func (s *Service) performOnRequest(w http.ResponseWriter, r *http.Request) error {
	done, err := s.runAskedFor(r)
	if err != nil {
		return err
	}
	httpkit.WriteJSON(w, http.StatusOK, api.PerformResult{
		Success: true, Message: done.message(s.kind), Timestamp: s.stamp(time.Now()), ArchivePath: done.Archive.File,
	})
	return nil
}

// runAskedFor does the run that a request asks for: of the last period, if it names none.
func (s *Service) runAskedFor(r *http.Request) (run, error) {
	period, dryRun, err := s.kind.bind(r, s.settings.Timezone)
	if err != nil {
		return run{}, err
	}
	if period == (meter.Period{}) {
		period = s.lastEnded()
	}
	return s.runNow(period, dryRun, passedOn(r))
}

func (s *Service) status(context.Context, *struct{}) (api.ProgramStatus, error) {
	answer := api.ProgramStatus{
		Program: s.kind.program, Schedule: s.settings.Schedule, Timezone: s.settings.Timezone.String(),
		NextRun: s.nextRun(), Timestamp: s.stamp(time.Now()), LastRuns: []api.ScheduledRun{}, Outstanding: s.listOutstanding(),
	}
	if hindered := s.hindrance(); hindered != "" {
		answer.Reason = &hindered
	}
	if answer.Schedule == "" {
		answer.Schedule = "off"
	}
	var runs []run
	runs, answer.Running = s.history()
	for _, done := range runs {
		answer.LastRuns = append(answer.LastRuns, api.ScheduledRun{
			Period: done.Period.String(), Trigger: string(done.Trigger), Success: done.succeeded(), Message: done.message(s.kind),
			Attempts: done.Attempts, ArchivePath: done.Archive.File,
			StartedAt: s.stamp(done.StartedAt), FinishedAt: s.stamp(done.FinishedAt),
		})
	}
	return answer, nil
}

func (s *Service) stamp(t time.Time) string { return s.settings.Timezone.StampTime(t) }
