package nation

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"meterledger/api"
	"meterledger/internal/tools/caller"
)

// bodyRows is how many readings are in one body. By meter none is torn between two: they may be sent at the same time, and
// no head-end sends one meter's readings so.
func (n *nation) bodyRows() int {
	if n.isByTime {
		return min(n.rows, n.traffic.Len())
	}
	return min(max(n.rows/n.slots, 1), n.meters) * n.slots
}

// number returns which reading of the traffic is sent as the i-th.
func (n *nation) number(i int) int {
	if n.isByTime {
		return i
	}
	return n.traffic.ByMeter(i)
}

// send sends all readings, each body as soon as the one before it on its connection is answered.
func (n *nation) send(ctx context.Context) error {
	started := time.Now()
	all, rows := n.traffic.Len(), n.bodyRows()
	senders := make([]sender, n.connections)
	for i := range senders {
		senders[i].Delivery = caller.Delivery{Row: n.traffic.AppendRow, Fate: n.fate, Pause: caller.RowsAgain, Tries: caller.RowsTries}
	}
	var sent atomic.Int64
	err := caller.Each(ctx, n.callers(), (all+rows-1)/rows, func(ctx context.Context, number int, c *caller.Caller, i int) error {
		s := &senders[number]
		s.numbers = s.numbers[:0]
		for k := i * rows; k < min((i+1)*rows, all); k++ {
			s.numbers = append(s.numbers, n.number(k))
		}
		if err := s.send(ctx, c); err != nil {
			return err
		}
		n.tellProgress(int(sent.Add(int64(len(s.numbers)))), len(s.numbers), time.Since(started))
		return nil
	})
	if err != nil {
		n.refusals.Say(n.say)
		return fmt.Errorf("sending readings: %w", err)
	}
	n.tell("sent", all, "rows", time.Since(started))
	return nil
}

// fate counts what was not taken: nothing of a nation's readings may be refused.
func (n *nation) fate(_ int, fate caller.Fate, why api.Problem) {
	if fate != caller.Acknowledged {
		n.refusals.Add(why)
	}
}

// tellProgress says so when another tenth has been sent.
func (n *nation) tellProgress(sent, last int, took time.Duration) {
	if tenths := sent * 10 / n.traffic.Len(); tenths > (sent-last)*10/n.traffic.Len() {
		n.tell(fmt.Sprintf("%3d %%", tenths*10), sent, "rows", took)
	}
}

// sender sends bodies over one connection.
type sender struct {
	caller.Delivery

	numbers []int
}

func (s *sender) send(ctx context.Context, c *caller.Caller) error {
	sum, err := s.Deliver(ctx, c, s.numbers)
	if err == nil && sum.Accepted+sum.Duplicates != len(s.numbers) {
		err = fmt.Errorf("%d of a body of %d were taken", sum.Accepted+sum.Duplicates, len(s.numbers))
	}
	return err
}
