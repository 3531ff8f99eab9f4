package cluster

import (
	"context"
	"errors"
	"time"
)

// askAgain is how long Ask waits before it asks again.
const askAgain = 50 * time.Millisecond

// Ask asks an engine until it answers, or ctx is done, whose cause is in the error then. That there is no order or there is one, that it has ended, and what the
// engine refuses, are answers too. A call that changes something must do no harm if it is made twice.
func Ask[T any](ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	for {
		answer, err := ask(ctx)
		if err == nil || isAnswer(err) {
			return answer, err
		}
		if ctx.Err() != nil {
			return answer, errors.Join(context.Cause(ctx), err)
		}
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
		}
	}
}

func isAnswer(err error) bool {
	var left *LeftError
	return errors.Is(err, ErrNotFounded) || errors.Is(err, ErrFounded) || errors.Is(err, ErrRefused) || errors.As(err, &left)
}
