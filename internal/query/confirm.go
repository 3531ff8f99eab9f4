package query

import (
	"context"
	"time"

	"meterledger/internal/meter"
)

// Confirm brings the store up to all that any node has acknowledged before the call. Its error
// says that this cannot be known now. It is nil for a node that is alone, which knows all.
type Confirm func(context.Context) error

// confirmTime is how long a question waits for that.
const confirmTime = time.Second

// within confirms while somebody asks a question.
func (c Confirm) within(ctx context.Context) error {
	if c == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, confirmTime)
	defer cancel()
	err := c(ctx)
	if err == nil || meter.Passes(err) {
		return err
	}
	return meter.Unavailable(meter.CodeNotReady, time.Second, "this node may be behind the others, and cannot ask them now: ask again, or another node")
}

// errLearned says that an archive was another one when it was read than this node knew then.
func errLearned(name string) error {
	return meter.Unavailable(meter.CodeNotReady, time.Second, "archive %s was written again, and this node has just learned of it: ask again", name)
}
