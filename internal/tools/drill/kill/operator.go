package kill

import (
	"context"
	"time"

	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/drill/town"
)

const (
	pauseMax    = 60 * time.Millisecond // between two things that the operator does
	shutdownMax = 20 * time.Millisecond // reception is off
)

// operator archives, closes, restores, shuts down and resumes, one after another.
type operator struct {
	*town.Worker
	g *generation
}

func (o *operator) work(ctx context.Context) {
	o.g.work(ctx, o.Worker, func(ctx context.Context) error {
		if caller.Pause(ctx, upTo(o.Chance, pauseMax)) != nil {
			return nil // the end
		}
		return o.step(ctx)
	})
}

func (o *operator) step(ctx context.Context) error {
	switch o.Chance.IntN(8) {
	case 0:
		return o.shutdown(ctx)
	case 1:
		return o.Restore(ctx)
	default:
		return o.Archive(ctx)
	}
}

// shutdown stops reception for a moment.
func (o *operator) shutdown(ctx context.Context) error {
	if err := o.change(ctx, "shutdown", false); err != nil {
		return err
	}
	if caller.Pause(ctx, upTo(o.Chance, shutdownMax)) != nil {
		return nil // the end
	}
	return o.change(ctx, "resume", true)
}

func (o *operator) change(ctx context.Context, what string, on bool) error {
	o.g.reception.sure = false
	code, _, err := o.Ask(what, func() (caller.Answer, error) { return o.API.Post(ctx, "/"+what, nil) })
	switch {
	case err != nil:
		return err
	case code != town.Taken:
		o.Findings.Misbehaved("%s was answered %s", what, code)
	default:
		o.g.reception = reception{on, true}
	}
	return nil
}
