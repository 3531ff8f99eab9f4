package ledger

import (
	"cmp"
	"context"
	"slices"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// eventsTogether is how many events are written as one commit, at the most.
const eventsTogether = 512

// Events puts back what happened to meters beside their readings, from a list that is sorted by
// meter, hundreds with one fsync. What is recorded already is a duplicate; what is recorded
// otherwise stays as it is, and the event is refused. It needs the memory of one meter's events.
type Events struct {
	l   *Ledger
	ctx context.Context

	meter   meter.ID // whose events wait
	waiting []numberedEvent
	entries []eventEntry // that wait to be written
	commit  *commit
	sure    bool // there was a barrier: what came after it is no concern of this list
	tally   meter.Tally
}

type numberedEvent struct {
	meter.Event
	number int // the caller's
}

// eventEntry is an entry of the journal that some events are.
type eventEntry struct {
	meter  store.Meter
	events []numberedEvent
	bytes  []byte

	correction *store.Correction // if it is one
}

// RestoreEvents begins to put events back, also while reception is shut down. All calls must
// come from one goroutine, and Flush last.
func (l *Ledger) RestoreEvents(ctx context.Context) *Events {
	return &Events{l: l, ctx: ctx, commit: &commit{}}
}

// Add takes an event, whose number is the caller's. An error ends the list: it says nothing of
// the event, and events before it may or may not have been recorded.
func (s *Events) Add(number int, e meter.Event) error {
	if e.Meter != s.meter {
		if err := s.encode(); err != nil {
			return err
		}
		s.meter = e.Meter
	}
	s.waiting = append(s.waiting, numberedEvent{e, number})
	return nil
}

// Refuse counts a row that the caller cannot make an event of.
func (s *Events) Refuse(number int, err error) error {
	s.tally.Refused++
	if meter.WorthRepeating(err) {
		s.tally.Retry++
	}
	s.tally.Refusals = append(s.tally.Refusals, meter.Refusal{Row: number, Err: err})
	if len(s.tally.Refusals) > 2*meter.RefusalsMax {
		s.cutRefusals()
	}
	return nil
}

func (s *Events) cutRefusals() {
	slices.SortFunc(s.tally.Refusals, func(a, b meter.Refusal) int { return cmp.Compare(a.Row, b.Row) })
	s.tally.Refusals = s.tally.Refusals[:min(len(s.tally.Refusals), meter.RefusalsMax)]
}

// Flush waits until all events that were taken have got their verdicts.
func (s *Events) Flush() (meter.Tally, error) {
	err := s.encode()
	if err == nil {
		err = s.send()
	}
	s.cutRefusals()
	return s.tally, err
}

// encode makes entries of the events that wait, in the order in which each can be judged beside
// those before it: where the dial rolled over, the exchanges, the limits of the present dial, and
// what was corrected, in the order of time in which that was done.
func (s *Events) encode() error {
	events := s.waiting
	s.waiting = nil
	if len(events) == 0 {
		return nil
	}
	var m store.Meter
	err := s.ask(func() (err error) {
		m, err = s.l.lookup(s.meter)
		return err
	})
	if err != nil {
		return s.refuseAll(events, err)
	}
	slices.SortStableFunc(events, func(a, b numberedEvent) int {
		order := cmp.Compare(a.turn(), b.turn())
		if order == 0 && a.Kind.IsEdit() {
			return a.EnteredAt.Compare(b.EnteredAt)
		}
		return order
	})
	first, _ := slices.BinarySearchFunc(events, turnEdit, func(e numberedEvent, turn int) int { return cmp.Compare(e.turn(), turn) })
	for _, e := range events[:first] {
		entry := eventEntry{meter: m, events: []numberedEvent{e}}
		switch e.Kind {
		case meter.EventLimits:
			if err := s.ask(func() error { return s.otherLimits(m, e) }); err != nil {
				if err = s.refuseAll([]numberedEvent{e}, err); err != nil {
					return err
				}
				continue
			}
			entry.bytes = store.AppendRestoredLimits(nil, m.Index, e.Limits())
		case meter.EventRollover:
			entry.bytes = store.AppendRestoredRollover(nil, m.Index, e.Change())
		default:
			if err := s.l.takesAnother(m, e.Change().At); err != nil {
				_ = s.Refuse(e.number, err) // which only counts
				continue
			}
			entry.bytes = store.AppendRestoredExchange(nil, m.Index, e.Change())
		}
		if err := s.put(entry); err != nil {
			return err
		}
	}
	return s.encodeEdits(m, events[first:])
}

// encodeEdits makes an entry of the edits that were done together: alone, one of them might not
// fit between its neighbours.
func (s *Events) encodeEdits(m store.Meter, events []numberedEvent) error {
	for len(events) > 0 {
		first := store.EditOf(events[0].Event)
		c := &store.Correction{Meter: m.Index, Note: first.Note}
		n := 0
		for ; n < len(events) && len(c.Edits) < CorrectionsMax; n++ {
			past := store.EditOf(events[n].Event)
			if past.Note != first.Note || n > 0 && past.Slot <= c.Edits[n-1].Slot {
				break
			}
			c.Edits = append(c.Edits, past.Edit)
		}
		if err := s.put(eventEntry{m, events[:n], store.AppendRestoredCorrection(nil, c), c}); err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}

// The turns in which events of a meter are put back.
const (
	turnRollover = iota
	turnExchange
	turnLimits
	turnEdit
)

func (e numberedEvent) turn() int {
	switch {
	case e.Kind == meter.EventRollover:
		return turnRollover
	case e.Kind == meter.EventLimits:
		return turnLimits
	case e.Kind.IsEdit():
		return turnEdit
	default:
		return turnExchange
	}
}

// ask is Ledger.sure with one barrier for all of the list: what was answered since it began is no concern of it.
func (s *Events) ask(op func() error) error {
	err := op()
	if s.sure || !isOfState(err) {
		return err
	}
	s.sure = true
	return s.l.sure(s.ctx, op)
}

// refuseAll counts events that the state refuses. Any other error ends the list.
func (s *Events) refuseAll(events []numberedEvent, err error) error {
	if !isOfState(err) {
		return err
	}
	for _, e := range events {
		_ = s.Refuse(e.number, err) // which only counts
	}
	return nil
}

// otherLimits returns why a meter cannot have limits that it had: it has others now.
func (s *Events) otherLimits(m store.Meter, e numberedEvent) error {
	_, limits := s.l.store.Life(m.Index)
	if limits == (meter.Limits{}) || limits == e.Limits() {
		return nil
	}
	return otherLimits(m)
}

func (s *Events) put(e eventEntry) error {
	if len(s.entries) == eventsTogether || len(s.commit.payload)+len(e.bytes) > commitBytesMax {
		if err := s.send(); err != nil {
			return err
		}
	}
	s.entries = append(s.entries, e)
	s.commit.payload = append(s.commit.payload, e.bytes...)
	return nil
}

// send writes the entries that wait, and counts the verdicts on them. One that needs a closed
// month's rows in memory is written again, with them.
func (s *Events) send() error {
	if len(s.entries) == 0 {
		return nil
	}
	verdicts, err := s.write()
	if err != nil {
		return err
	}
	for n, e := range s.entries {
		v, fault := verdicts.At(n), error(nil)
		if v.Outcome == store.Archived || v.Outcome == store.Held {
			v, fault = s.recall(e)
		}
		switch code := meter.CodeOf(fault); {
		case fault == nil:
			fault = s.fault(e, v)
		case code != meter.CodeArchiveConflict && code != meter.CodeArchiveUnavailable && code != meter.CodeMaintenanceRunning:
			return fault
		}
		s.count(e, v, fault)
	}
	s.entries = s.entries[:0]
	s.commit = s.commit.again()
	return nil
}

// recall writes an entry behind the closed months' rows that it concerns.
func (s *Events) recall(e eventEntry) (store.Verdict, error) {
	if e.correction != nil {
		return s.l.RestoreCorrection(s.ctx, e.meter, e.correction)
	}
	return s.l.change(s.ctx, e.meter, e.bytes)
}

// count counts what became of an entry.
func (s *Events) count(e eventEntry, v store.Verdict, fault error) {
	switch {
	case fault != nil:
		for _, event := range e.events {
			_ = s.Refuse(event.number, fault) // which only counts
		}
	case v.Outcome == store.Duplicate:
		s.tally.Duplicates += len(e.events)
	default:
		s.tally.Accepted += len(e.events)
	}
}

// fault says why events were not taken.
func (s *Events) fault(e eventEntry, v store.Verdict) error {
	first := e.events[0]
	switch {
	case v.Outcome == store.Accepted, v.Outcome == store.Duplicate:
		return nil
	case e.correction != nil:
		return s.l.correctionFault(0, e.correction.Edits[0], v)
	case first.Kind == meter.EventLimits:
		return s.l.limitsFault(e.meter, first.Limits(), v)
	case first.Kind == meter.EventRollover:
		return meter.Invalid(meter.CodeExchangeConflict, "at", "is not where the dial rolled over: by %v kWh of %s it did not, or at another register", v.Other.Register, s.l.zone.Stamp(v.Other.Slot))
	default:
		return s.l.exchangeFault(e.meter, first.Change(), v)
	}
}

// write returns the verdicts on the entries that wait.
func (s *Events) write() (store.Verdicts, error) {
	k := s.commit
	k.entries = len(s.entries)
	k.growth = accountsGrowth(k)
	if err := s.l.committer.enqueue(s.ctx, k, bulky); err != nil {
		return store.Verdicts{}, err
	}
	return s.l.committer.wait(k)
}
