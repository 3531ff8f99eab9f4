package tour

import (
	"context"
	"fmt"
	"slices"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/witness"
)

const (
	pieceRows  = 500         // readings in one bulk post
	pieceAgain = time.Second // how long a meter waits before it sends rows again
	pieceTries = 10
)

// tally counts what became of the readings that were posted.
type tally struct {
	posted, accepted, duplicates int

	refused caller.Refusals
}

// way is how a meter sends its readings.
type way struct {
	name string
	send func(*tour, context.Context, *home, *tally) error
}

// wayOf has the first household post every reading by itself. The others send
// theirs in pieces; every other one begins with the newest, as a meter does that
// was cut off and sends what it has buffered afterwards.
func wayOf(i int) way {
	switch {
	case i == 0:
		return way{"one by one", (*tour).sendSingly}
	case i%2 == 1:
		return way{"CSV, in order", (*tour).sendInOrder}
	default:
		return way{"CSV, newest first", (*tour).sendNewestFirst}
	}
}

func (t *tour) registerAll(ctx context.Context) error {
	for _, h := range t.homes {
		got, err := t.api.Register(ctx, h.id, "Household "+h.source.ID, "London")
		if err != nil {
			return fmt.Errorf("registering %s: %w", h.id, err)
		}
		if err := got.Into("registering "+string(h.id), &struct{}{}); err != nil {
			return err
		}
	}
	t.say("%d households: %s to %s", len(t.homes), t.homes[0].id, t.homes[len(t.homes)-1].id)
	return nil
}

func (t *tour) feed(ctx context.Context) error {
	const row = "%-10s %-18s %8v %9v %9v %9v %11v %8v"
	t.say(row, "household", "sent as", "source", "later", "posted", "accepted", "duplicates", "refused")
	var source, later, posted, accepted, duplicates, refused int
	for i, h := range t.homes {
		way, sum := wayOf(i), tally{}
		if err := way.send(t, ctx, h, &sum); err != nil {
			return fmt.Errorf("posting the readings of %s: %w", h.id, err)
		}
		slices.SortFunc(h.accepted, func(a, b meter.Reading) int { return bySlot(a, b.Slot) })
		t.say(row, h.id, way.name, len(h.source.Intervals), h.placed.Later,
			sum.posted, sum.accepted, sum.duplicates, sum.refused.Total())
		t.account(h, &sum)
		source, later = source+len(h.source.Intervals), later+h.placed.Later
		posted, accepted = posted+sum.posted, accepted+sum.accepted
		duplicates, refused = duplicates+sum.duplicates, refused+sum.refused.Total()
	}
	t.say(row, "total", "", source, later, posted, accepted, duplicates, refused)
	t.say("later: half hours of the source that fall after now; not posted, and not lost.")
	return nil
}

// account names what was refused and makes sure that nothing is unaccounted for.
func (t *tour) account(h *home, sum *tally) {
	sum.refused.Say(t.say)
	for _, r := range h.placed.Refused {
		t.say("  not sent: %s kWh at %s %v", r.Register.Value, t.zone.Stamp(r.Slot), r.Reason)
	}
	if lost := sum.posted - sum.accepted - sum.duplicates - sum.refused.Total(); lost != 0 {
		t.differ("%s: %d readings were posted and %d of them neither accepted nor refused", h.id, sum.posted, lost)
	}
	if n := sum.posted + h.placed.Later + len(h.placed.Refused); n != len(h.source.Intervals) {
		t.differ("%s: the source has %d intervals, %d are accounted for", h.id, len(h.source.Intervals), n)
	}
}

func (t *tour) sendSingly(ctx context.Context, h *home, sum *tally) error {
	for _, r := range h.placed.Readings {
		got, err := t.api.Record(ctx, witness.Reading{Meter: h.id, Stamp: t.zone.Stamp(r.Slot), Register: r.Register.String()})
		if err != nil {
			return err
		}
		sum.posted++
		if !got.OK() {
			sum.refused.Add(got.Problem())
			continue
		}
		sum.accepted++
		h.accepted = append(h.accepted, r)
	}
	return nil
}

func (t *tour) sendInOrder(ctx context.Context, h *home, sum *tally) error {
	for from := 0; from < len(h.placed.Readings); from += pieceRows {
		if err := t.sendPiece(ctx, h, from, sum); err != nil {
			return err
		}
	}
	return nil
}

func (t *tour) sendNewestFirst(ctx context.Context, h *home, sum *tally) error {
	for from := (len(h.placed.Readings) - 1) / pieceRows * pieceRows; from >= 0; from -= pieceRows {
		if err := t.sendPiece(ctx, h, from, sum); err != nil {
			return err
		}
	}
	return nil
}

// sendPiece posts the readings from one on, and again those that are answered with "not
// now", until patience ends.
func (t *tour) sendPiece(ctx context.Context, h *home, from int, sum *tally) (err error) {
	d := caller.Delivery{Pause: t.pieceAgain, Tries: pieceTries, Row: func(b []byte, n int) []byte {
		r := h.placed.Readings[n]
		return fmt.Appendf(b, "%s,%s,%s\n", r.Meter, t.zone.Stamp(r.Slot), r.Register)
	}}
	d.Fate = func(n int, fate caller.Fate, why caller.Problem) {
		switch fate {
		case caller.Acknowledged:
			h.accepted = append(h.accepted, h.placed.Readings[n])
		case caller.Refused:
			sum.refused.Add(why)
		default:
			err = fmt.Errorf("posting a piece: %s: %s", why.Code, why.Detail)
		}
	}
	var numbers []int
	for n := from; n < min(from+pieceRows, len(h.placed.Readings)); n++ {
		numbers = append(numbers, n)
	}
	counts, failed := d.Deliver(ctx, t.api, numbers)
	sum.posted += len(numbers)
	sum.accepted += counts.Accepted
	sum.duplicates += counts.Duplicates
	if failed != nil {
		return failed
	}
	return err
}
