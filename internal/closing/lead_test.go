package closing

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"meterledger/internal/meter"
)

func TestWhatAStopCutsOffIsDoneByTheNodeThatLeadsThen(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	over := make(chan struct{})
	close(over)
	shared := &Runs{confirm: func(context.Context) error { return nil }}
	for _, c := range []struct {
		name string
		task task
		err  error
		code meter.Code
	}{
		{"a step", task{Runs: shared, ctx: ended}, fmt.Errorf("writing: %w", meter.ErrStopped), meter.CodeNotReady},
		{"a question to the order", task{Runs: shared, ctx: ended}, fmt.Errorf("replacing: %w", context.Canceled), meter.CodeNotReady},
		{"a step of a node alone", task{Runs: &Runs{}, ctx: ended}, meter.ErrStopped, meter.CodeNotReceiving},
		{"a term that is over", task{Runs: shared, ctx: ended, lead: lead{over: over}}, context.Canceled, meter.CodeOf(errOver)},
		{"nothing", task{Runs: &Runs{}, ctx: t.Context()}, errors.New("the disk is broken"), meter.CodeInternal},
	} {
		if err := c.task.worded(c.err); meter.CodeOf(err) != c.code {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
