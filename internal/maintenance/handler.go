package maintenance

import (
	"net/http"
	"time"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// Handler answers requests for runs and for the status, and what every program
// of the suite answers.
func (s *Service) Handler(metrics *httpkit.Metrics) http.Handler {
	r := httpkit.NewRouter(s.log, metrics)
	r.Post(s.kind.path, s.performOnRequest)
	r.Get("/status", s.status)
	return r
}

type performAnswer struct {
	Success     bool   `json:"success"`
	Message     string `json:"message"`
	Timestamp   string `json:"timestamp"`
	ArchivePath string `json:"archive_path"`
}

func (s *Service) performOnRequest(w http.ResponseWriter, r *http.Request) {
	period, dryRun, err := s.kind.bind(r)
	if err != nil {
		httpkit.WriteError(w, r, err)
		return
	}
	if period == (meter.Period{}) {
		period = s.lastEnded()
	}
	done, err := s.runNow(period, dryRun)
	if err != nil {
		httpkit.WriteError(w, r, err)
		return
	}
	httpkit.WriteJSON(w, http.StatusOK, performAnswer{true, done.message(s.kind), s.stamp(time.Now()), done.archive.File})
}

type statusAnswer struct {
	Program   string      `json:"program"`
	Schedule  string      `json:"schedule"`
	Timezone  string      `json:"timezone"`
	NextRun   *string     `json:"next_run"`
	Running   bool        `json:"running"`
	Timestamp string      `json:"timestamp"`
	LastRuns  []runAnswer `json:"last_runs"`
}

type runAnswer struct {
	Period      string  `json:"period"`
	Trigger     trigger `json:"trigger"`
	Success     bool    `json:"success"`
	Message     string  `json:"message"`
	Attempts    int     `json:"attempts"`
	ArchivePath string  `json:"archive_path"`
	StartedAt   string  `json:"started_at"`
	FinishedAt  string  `json:"finished_at"`
}

func (s *Service) status(w http.ResponseWriter, r *http.Request) {
	if err := httpkit.Bind(r, &struct{}{}); err != nil {
		httpkit.WriteError(w, r, err)
		return
	}
	answer := statusAnswer{
		Program: s.kind.program, Schedule: s.settings.Schedule, Timezone: s.settings.Timezone.String(),
		NextRun: s.nextRun(), Timestamp: s.stamp(time.Now()), LastRuns: []runAnswer{},
	}
	if answer.Schedule == "" {
		answer.Schedule = "off"
	}
	var runs []run
	runs, answer.Running = s.history()
	for _, done := range runs {
		answer.LastRuns = append(answer.LastRuns, runAnswer{
			Period: done.period.String(), Trigger: done.trigger, Success: done.err == nil, Message: done.message(s.kind),
			Attempts: done.attempts, ArchivePath: done.archive.File,
			StartedAt: s.stamp(done.startedAt), FinishedAt: s.stamp(done.finishedAt),
		})
	}
	httpkit.WriteJSON(w, http.StatusOK, answer)
}

func (s *Service) stamp(t time.Time) string { return s.settings.Timezone.StampTime(t) }
