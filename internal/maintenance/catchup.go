package maintenance

import (
	"context"
	"slices"

	"github.com/cenkalti/backoff/v5"

	"meterledger/internal/client"
	"meterledger/internal/meter"
)

// catchUp waits until the api answers, and then does every run that was missed
// or has failed, in order of time.
func (s *Service) catchUp() {
	archives, err := s.awaitArchives()
	if err != nil {
		return // the service's life has ended
	}
	pending := s.pending(archives)
	if len(pending) == 0 {
		return
	}
	s.log.Info("catching up", "runs", len(pending), "from", pending[0], "to", pending[len(pending)-1])
	for _, period := range pending {
		s.runInTurn(period, byCatchUp)
	}
}

// pending returns what is to be done, in order of time: what was missed, unless
// the schedule is off, and what has failed.
func (s *Service) pending(archives []client.Archive) []meter.Period {
	var periods []meter.Period
	if s.scheduler != nil {
		periods = s.kind.missed(archives, s.lastEnded())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for period := range s.owed {
		if !slices.Contains(periods, period) {
			periods = append(periods, period)
		}
	}
	slices.SortFunc(periods, meter.Period.Compare)
	return periods
}

// missed returns, in order of time, the periods up to last that have no archive,
// from the oldest archive on. If there is none at all, only last is missed: what the
// api held before it was first archived is for an operator to say.
func (k Kind) missed(archives []client.Archive, last meter.Period) (missed []meter.Period) {
	var archived []meter.Period
	for _, a := range archives {
		if period, ok := meter.ParsePeriod(a.Period); ok && period.IsMonth() == last.IsMonth() {
			archived = append(archived, period)
		}
	}
	if len(archived) == 0 {
		return []meter.Period{last}
	}
	first := last.Add(1 - k.catchUpMax)
	if oldest := slices.MinFunc(archived, meter.Period.Compare); oldest.Compare(first) > 0 {
		first = oldest
	}
	for period := first; period.Compare(last) <= 0; period = period.Add(1) {
		if !slices.Contains(archived, period) {
			missed = append(missed, period)
		}
	}
	return missed
}

// awaitArchives asks the api for its archives until it answers or the service's
// life ends. What is in the way is said once, and again when it changes.
func (s *Service) awaitArchives() ([]client.Archive, error) {
	told := ""
	status, err := backoff.Retry(s.ctx,
		func() (client.MaintenanceStatus, error) {
			ctx, cancel := context.WithTimeout(s.ctx, watchEvery)
			defer cancel()
			status, err := s.api.MaintenanceStatus(ctx)
			if err != nil && reason(err) != told && s.ctx.Err() == nil {
				told = reason(err)
				s.log.Warn("the api does not say what is archived; asking on until it does",
					"api_url", s.settings.APIURL.String(), "error", err)
			}
			return status, err
		},
		backoff.WithBackOff(newPauses()),
		backoff.WithMaxElapsedTime(0), // until it answers
	)
	if err == nil && told != "" {
		s.log.Info("the api answers again")
	}
	archives := make([]client.Archive, len(status.Archives))
	for i, listed := range status.Archives {
		archives[i] = listed.Archive
	}
	return archives, err
}
