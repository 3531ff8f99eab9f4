package maintenance

import (
	"context"
	"slices"

	"github.com/cenkalti/backoff/v5"

	"meterledger/api"
	"meterledger/internal/meter"
)

// catchUp waits until the api answers, then does every run that was missed or has failed,
// in order of time.
func (s *Service) catchUp() {
	archives, err := s.awaitArchives()
	if err != nil {
		return // the service's context is done
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

// pending returns, in order of time, the periods that were missed, unless the schedule is
// off, and those whose last run failed.
func (s *Service) pending(archives []api.Archive) []meter.Period {
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

// missed returns, in order of time, the periods without an archive from the oldest archive
// up to last, at most catchUpMax. If there is no archive at all, it returns only last: an
// operator decides about earlier ones.
func (k Kind) missed(archives []api.Archive, last meter.Period) (missed []meter.Period) {
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

// awaitArchives asks the api for its archives until it answers or the service's context is
// done. It logs a failure once, and again when the reason changes.
func (s *Service) awaitArchives() ([]api.Archive, error) {
	logged := ""
	status, err := backoff.Retry(s.ctx,
		func() (api.MaintenanceStatus, error) {
			ctx, cancel := context.WithTimeout(s.ctx, watchEvery)
			defer cancel()
			status, err := s.api.MaintenanceStatus(ctx)
			if err != nil && reason(err) != logged && s.ctx.Err() == nil {
				logged = reason(err)
				s.log.Warn("the api does not say what is archived; asking until it does",
					"api_url", s.settings.APIURL.String(), "error", err)
			}
			return status, err
		},
		backoff.WithBackOff(newPauses()),
		backoff.WithMaxElapsedTime(0), // until it answers
	)
	if err == nil && logged != "" {
		s.log.Info("the api answers again")
	}
	archives := make([]api.Archive, len(status.Archives))
	for i, listed := range status.Archives {
		archives[i] = listed.Archive
	}
	return archives, err
}
