package query

import (
	"context"
	"time"

	"meterledger/internal/meter"
)

// Confirm brings the store up to all that any node has acknowledged before the call. If that
// cannot be done now, its error says so to the caller. It is nil for a node that is alone.
type Confirm func(context.Context) error

// errLearned says that an archive was another one when it was read than this node knew then.
func errLearned(name string) error {
	return meter.Unavailable(meter.CodeNotReady, time.Second, "archive %s was written again, and this node has just learned of it: ask again", name)
}
