package ledger

import (
	"context"
	"errors"
	"fmt"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
)

// join makes sure that the journal is a copy of the engine's order, before the state is brought
// back from it. That of a new folder becomes one.
func (l *Ledger) join(ctx context.Context, o *Shared) error {
	v, err := view(ctx, o)
	if errors.Is(err, cluster.ErrNotFounded) && o.Found {
		if err = o.Engine.Found(ctx, l.journal.End()); err == nil || errors.Is(err, cluster.ErrFounded) {
			v, err = view(ctx, o)
		}
	}
	switch {
	case err != nil:
		return err
	case v.Head.Journal == l.journal.End().Journal:
		return nil
	case l.journal.Last() > 0:
		return fmt.Errorf("%s: %w", l.folder, errStranger)
	}
	return l.fetch(ctx, o, v.Head.Journal)
}

// view asks the engine until it answers.
func view(ctx context.Context, o *Shared) (cluster.View, error) {
	for {
		v, err := o.Engine.View(ctx)
		if err == nil || errors.Is(err, cluster.ErrNotFounded) || ctx.Err() != nil {
			return v, err
		}
		pause(ctx, tailAgain)
	}
}

// fetch makes a new journal begin behind the newest snapshot of another node, or else at the
// beginning of the order.
func (l *Ledger) fetch(ctx context.Context, o *Shared, id chain.ID) error {
	return l.journal.BeginAt(chain.Position{Journal: id})
}
