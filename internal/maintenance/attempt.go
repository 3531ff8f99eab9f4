package maintenance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"meterledger/api"
	"meterledger/internal/client"
	"meterledger/internal/meter"
)

const (
	pauseFirst = 500 * time.Millisecond
	pauseMax   = time.Minute
	// watchEvery is how often a busy api is asked whether it is alive, and how long it
	// may take to answer. An attempt has no limit: a nation's month takes minutes.
	watchEvery = 5 * time.Second
	// attemptGrace is how long an attempt may go on after the program was told to stop:
	// less than the server waits for its requests.
	attemptGrace = 8 * time.Second
)

// errSilent ends an attempt whose api has stopped answering.
var errSilent error = &client.AwayError{Err: errors.New("it has stopped answering")}

func newPauses() backoff.BackOff {
	b := backoff.NewExponentialBackOff() // with jitter: each pause is up to half longer or shorter
	b.InitialInterval, b.MaxInterval, b.Multiplier = pauseFirst, pauseMax, 2
	return b
}

// archive asks the api to archive r's period until it has, until it refuses, or until r's
// patience ends. It counts the attempts in r.
func (s *Service) archive(r *run) (api.MaintenanceResult, error) {
	var last error
	done, err := backoff.Retry(s.ctx,
		func() (api.MaintenanceResult, error) {
			r.Attempts++
			var done api.MaintenanceResult
			done, last = s.attempt(*r)
			if r.Trigger != byRequest {
				last = s.own(last)
			}
			if last != nil && !r.isPassing(last) {
				return done, backoff.Permanent(last)
			}
			return done, last
		},
		backoff.WithBackOff(newPauses()),
		backoff.WithMaxElapsedTime(r.Trigger.patience()),
		backoff.WithNotify(func(err error, pause time.Duration) {
			message := "the api is away or busy; the run asks again"
			if isUnwelcome(refusalOf(err)) {
				message = "the api refuses this program; the run asks again"
			}
			s.log.Warn(message, "period", r.Period, "attempts", r.Attempts,
				"pause", pause.Round(time.Millisecond), "error", err)
		}),
	)
	if err != nil && s.ctx.Err() != nil {
		err = fmt.Errorf("%w; the last attempt ended with: %w", errStopping, last)
	}
	return done, err
}

// attempt asks the api once, of several nodes one after the other while each is away: whichever has the node that leads
// do the run does it.
func (s *Service) attempt(r run) (done api.MaintenanceResult, err error) {
	err = r.api.Each(s.ctx, func(one *client.Client) error {
		done, err = s.attemptAt(one, r)
		return err
	})
	return done, err
}

// attemptAt asks one api. It ends if that stops answering, or attemptGrace after the service.
func (s *Service) attemptAt(one *client.Client, r run) (api.MaintenanceResult, error) {
	if _, err := s.lookWith(s.ctx, one, watchEvery); hindrance(err) == meter.ReasonOtherZone || isUnwelcome(refusalOf(err)) {
		return api.MaintenanceResult{}, err
	}
	ctx, stop := context.WithCancelCause(context.WithoutCancel(s.ctx))
	defer context.AfterFunc(s.ctx, func() {
		time.AfterFunc(attemptGrace, func() { stop(context.Canceled) })
	})()
	var watching sync.WaitGroup
	watching.Go(func() { s.watch(ctx, one, stop) })
	done, err := one.StartMaintenance(ctx, request(r.Period, r.dryRun))
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	stop(nil)
	watching.Wait()
	return done, err
}

// watch ends ctx if an api stops answering.
func (s *Service) watch(ctx context.Context, one *client.Client, stop context.CancelCauseFunc) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		soon, cancel := context.WithTimeout(ctx, watchEvery)
		err := one.Healthy(soon)
		cancel()
		if err != nil {
			stop(errSilent)
		}
	}
}
