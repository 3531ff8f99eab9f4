package maintenance

import (
	"maps"
	"slices"
	"strings"

	"github.com/cenkalti/backoff/v5"

	"meterledger/api"
	"meterledger/internal/meter"
)

// Why a period is outstanding, besides what the api gives as a reason.
const (
	wasMissed = "missed"
	hasFailed = "failed"
	isRefused = "refused"
)

// catchUp waits until the api answers, then does every run that is outstanding, in order of
// time. A period that the api has archived on the way is not run again.
func (s *Service) catchUp() {
	status, err := s.awaitStatus()
	if err != nil {
		return // the service's context is done
	}
	pending := s.plan(status)
	if len(pending) == 0 {
		return
	}
	s.log.Info("catching up", "runs", len(pending), "from", pending[0].Period, "to", pending[len(pending)-1].Period, "periods", tell(pending))
	written := make(map[string]bool)
	for n, of := range pending {
		s.setPending(pending[n:])
		if period, _ := meter.ParsePeriod(of.Period); !written[of.Period] {
			for _, name := range s.runInTurn(period, byCatchUp).written {
				written[name] = true
			}
		}
	}
	s.setPending(nil)
}

// toldMax is how many outstanding periods a line of the log names.
const toldMax = 10

func tell(pending []api.OutstandingPeriod) string {
	var told []string
	for _, of := range pending[:min(len(pending), toldMax)] {
		told = append(told, of.Period+" "+of.Reason)
	}
	if len(pending) > toldMax {
		told = append(told, "…")
	}
	return strings.Join(told, ", ")
}

// plan returns what is to be caught up with, in order of time: unless the schedule is off,
// the periods that the api says are due and those that were missed; and those whose last run
// failed. It leaves out what the api has refused for good and knows nothing new of. Without
// meters there is nothing to archive.
func (s *Service) plan(status api.MaintenanceStatus) []api.OutstandingPeriod {
	if status.Meters == 0 {
		return nil
	}
	reasons := make(map[meter.Period]string)
	s.mu.Lock()
	for period := range s.owed {
		reasons[period] = hasFailed
	}
	s.mu.Unlock()
	if s.scheduler != nil {
		for _, period := range s.kind.missed(status.Archives, s.lastEnded()) {
			reasons[period] = wasMissed
		}
		for _, due := range status.Due {
			if period, ok := meter.ParsePeriod(due.Period); ok && period.IsMonth() == s.lastEnded().IsMonth() {
				reasons[period] = due.Reason
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(reasons, func(period meter.Period, _ string) bool {
		state, refused := s.refused[period]
		return refused && state == s.stateOf(period, status)
	})
	return inOrder(reasons)
}

func inOrder(reasons map[meter.Period]string) []api.OutstandingPeriod {
	all := []api.OutstandingPeriod{}
	for _, period := range slices.SortedFunc(maps.Keys(reasons), meter.Period.Compare) {
		all = append(all, api.OutstandingPeriod{Period: period.String(), Reason: reasons[period]})
	}
	return all
}

// stateOf is what the api knows of a period: when that changes, a run that was refused for
// good may succeed.
func (s *Service) stateOf(period meter.Period, status api.MaintenanceStatus) string {
	name := period.String()
	state := "open"
	if s.settings.Timezone.Stamp(period.Window(s.settings.Timezone).To) <= status.Timestamp {
		state = "ended"
	}
	for _, of := range status.Archives {
		if of.Period == name {
			state += " " + of.State + " " + of.SHA256 + " " + of.WrittenAt
		}
	}
	for _, of := range status.Due {
		if of.Period == name {
			state += " " + of.Reason
		}
	}
	return state
}

func (s *Service) setPending(pending []api.OutstandingPeriod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = pending
}

// listOutstanding lists what is being caught up with, what has failed, and what was refused.
func (s *Service) listOutstanding() []api.OutstandingPeriod {
	s.mu.Lock()
	defer s.mu.Unlock()
	reasons := make(map[meter.Period]string)
	for _, of := range s.pending {
		if period, ok := meter.ParsePeriod(of.Period); ok {
			reasons[period] = of.Reason
		}
	}
	for period := range s.owed {
		reasons[period] = hasFailed
	}
	for period := range s.refused {
		reasons[period] = isRefused
	}
	return inOrder(reasons)
}

// missed returns, in order of time, the periods after the newest archive up to last, at most
// catchUpMax. If there is no archive at all, it returns only last. Of those before, the api
// says whether they have readings and are due: the empty ones between an old reading and
// now are left alone.
func (k Kind) missed(archives []api.ArchiveListing, last meter.Period) (missed []meter.Period) {
	first := last.Add(1 - k.catchUpMax)
	isArchived := false
	for _, a := range archives {
		if period, ok := meter.ParsePeriod(a.Period); ok && period.IsMonth() == last.IsMonth() {
			isArchived = true
			if next := period.Add(1); next.Compare(first) > 0 {
				first = next
			}
		}
	}
	if !isArchived {
		return []meter.Period{last}
	}
	for period := first; period.Compare(last) <= 0; period = period.Add(1) {
		missed = append(missed, period)
	}
	return missed
}

// awaitStatus asks the api for its archives until it answers, and is of this program's zone,
// or the service's context is done. It logs a failure once, and again when the reason changes.
func (s *Service) awaitStatus() (api.MaintenanceStatus, error) {
	logged := ""
	status, err := backoff.Retry(s.ctx,
		func() (api.MaintenanceStatus, error) {
			status, err := s.look(s.ctx, watchEvery)
			if err != nil && reason(err) != logged && s.ctx.Err() == nil {
				logged = reason(err)
				s.log.Warn("the api does not say what is archived; asking until it does",
					"api_url", s.settings.APIURLs.String(), "error", err)
			}
			return status, err
		},
		backoff.WithBackOff(newPauses()),
		backoff.WithMaxElapsedTime(0), // until it answers
	)
	if err == nil && logged != "" {
		s.log.Info("the api answers again")
	}
	return status, err
}
