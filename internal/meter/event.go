package meter

import (
	"cmp"
	"slices"
	"time"
)

// Event is what happened to a meter beside its readings, or what an operator said of it: a row
// of the file of events.
type Event struct {
	Meter ID
	Kind  EventKind
	At    Instant // of a correction that of its slot; 0 of limits, which have no time

	Old, New    Register // of a withdrawal Old alone
	IsEstimated bool     // nobody read the old dial, see Change
	Estimated   Register
	Serial      string
	RollsOverAt Register // of the dial before a change; of limits that of the present one; 0 if it does not
	MaxKW       Power    // 0 for MaxKWDefault
	Placed      Placing

	EnteredAt  time.Time // whole seconds; zero if it is not known
	By, Reason string
}

// EventKind says what an event is.
type EventKind uint8

// The kinds of event. Their order is that of the file within one moment.
const (
	EventLimits EventKind = iota + 1
	EventExchange
	EventReset
	EventRollover
	EventCorrection
	EventWithdrawal
)

var eventKinds = [...]string{
	EventLimits: "limits", EventExchange: "exchange", EventReset: "reset", EventRollover: "rollover",
	EventCorrection: "correction", EventWithdrawal: "withdrawal",
}

func (k EventKind) String() string { return eventKinds[k] }

func parseEventKind(s string) (EventKind, bool) {
	k := slices.Index(eventKinds[:], s)
	return EventKind(k), k > 0
}

// IsEdit reports whether the event is a correction or a withdrawal.
func (k EventKind) IsEdit() bool { return k >= EventCorrection }

// EventOfChange returns a change as an event.
func EventOfChange(id ID, c Change) Event {
	return Event{
		Meter: id, Kind: EventKind(c.Kind) - EventKind(Exchange) + EventExchange, At: c.At, Old: c.Old, New: c.New,
		IsEstimated: c.IsEstimated, Estimated: c.Estimated, Serial: c.Serial, RollsOverAt: c.Modulus,
		Placed: c.Placed, By: c.By, EnteredAt: c.EnteredAt,
	}
}

// Change returns the change that an event is.
func (e Event) Change() Change {
	return Change{
		At: e.At, Kind: ChangeKind(e.Kind-EventExchange) + Exchange, Old: e.Old, New: e.New,
		IsEstimated: e.IsEstimated, Estimated: e.Estimated, Serial: e.Serial, Modulus: e.RollsOverAt,
		Placed: e.Placed, By: e.By, EnteredAt: e.EnteredAt,
	}
}

// EventOfLimits returns limits as an event.
func EventOfLimits(id ID, l Limits) Event {
	return Event{Meter: id, Kind: EventLimits, RollsOverAt: l.RollsOverAt, MaxKW: l.MaxKW}
}

// Limits returns the limits that an event is.
func (e Event) Limits() Limits { return Limits{RollsOverAt: e.RollsOverAt, MaxKW: e.MaxKW} }

// Compare orders events as the file has them: by meter, moment and sort, and corrections of one
// reading by when they were entered. Of two that are equal otherwise a meter has one.
func (e Event) Compare(other Event) int {
	order := cmp.Or(cmp.Compare(e.Meter, other.Meter), cmp.Compare(e.At, other.At), cmp.Compare(e.Kind.sort(), other.Kind.sort()))
	if order == 0 && e.Kind.IsEdit() {
		return e.EnteredAt.Compare(other.EnteredAt)
	}
	return order
}

// sort is the same of kinds of which a meter has one at a moment.
func (k EventKind) sort() int {
	switch k {
	case EventReset:
		return int(EventExchange)
	case EventWithdrawal:
		return int(EventCorrection)
	default:
		return int(k)
	}
}
