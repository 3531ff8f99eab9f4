package node_test

import (
	"context"
	"fmt"
	"slices"

	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/node"
	"meterledger/internal/store"
)

// sentCorrection is the request to correct a reading, or to withdraw it.
type sentCorrection struct {
	of      meter.Reading
	reading *meter.Register // nil to withdraw it
	reason  string
}

func (c sentCorrection) String() string {
	return fmt.Sprintf("correct %s %d %v to %v, %s", c.of.Meter, c.of.Slot, c.of.Register, c.reading, c.reason)
}

func (c sentCorrection) ask(ctx context.Context, n *node.Node) error {
	return n.Correct(ctx, c.of.Meter, []ledger.Correction{{Slot: c.of.Slot, Expect: c.of.Register, Reading: c.reading}}, c.reason, "")
}

func (c sentCorrection) stands(s *store.Store) bool {
	m, known := s.Lookup(c.of.Meter)
	return known && slices.ContainsFunc(s.History(m.Index, meter.Window{From: c.of.Slot, To: c.of.Slot}), c.isPast)
}

// isPast reports whether what was corrected once is what this request corrects. Who asks for what another
// one has done already is told that it is done.
func (c sentCorrection) isPast(p store.Past) bool {
	return p.Before == c.of.Register && p.IsWithdrawn == (c.reading == nil) && (c.reading == nil || p.After == *c.reading)
}

func (c sentCorrection) isWrong(s *store.Store, code meter.Code) bool {
	return isOfKnown(s, c.of.Meter, code)
}

// sentExchange is the request to record that a meter has another dial.
type sentExchange struct {
	id meter.ID
	meter.Change
}

func (e sentExchange) String() string {
	return fmt.Sprintf("exchange %s at %d from %v to %v, %s", e.id, e.At, e.Old, e.New, e.By)
}

func (e sentExchange) ask(ctx context.Context, n *node.Node) error {
	_, err := n.Exchange(ctx, e.id, e.Change, false)
	return err
}

func (e sentExchange) stands(s *store.Store) bool {
	m, known := s.Lookup(e.id)
	if !known {
		return false
	}
	dials, _ := s.Life(m.Index)
	c, found := dials.Find(e.At)
	return found && c.Old == e.Old && c.New == e.New
}

func (e sentExchange) isWrong(s *store.Store, code meter.Code) bool { return isOfKnown(s, e.id, code) }

// isOfKnown reports whether a code is one of a meter that is registered, or of one that is not. The store
// alone does not tell what else refuses a change of a meter's life.
func isOfKnown(s *store.Store, id meter.ID, code meter.Code) bool {
	_, known := s.Lookup(id)
	return known != (code == meter.CodeMeterNotFound)
}

// drawChange draws a change of a meter's life. At is the place of a half hour among those of which
// readings are sent.
func (c *caller) drawChange(id meter.ID, at int, slot meter.Slot) request {
	by := fmt.Sprint("caller ", c.number)
	if c.luck.IntN(3) == 0 {
		return sentExchange{id, meter.Change{
			At: slot.Instant() + 60, Kind: meter.Exchange, Old: register(10*at + 35), New: register(max(0, 10*at-200)), By: by,
		}}
	}
	r := sentCorrection{of: meter.Reading{Meter: id, Slot: slot, Register: register(10 * at)}, reason: by}
	if c.luck.IntN(2) == 0 {
		to := register(10*at + 1)
		r.reading = &to
	}
	return r
}

func register(kwh int) meter.Register {
	r, err := meter.ParseRegister(fmt.Sprint(kwh))
	if err != nil {
		panic(err)
	}
	return r
}
