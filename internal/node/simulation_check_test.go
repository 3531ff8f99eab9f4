package node_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// healthyAfter is how long nodes may take to be well again once all faults are mended.
const healthyAfter = 30 * time.Second

// checkAll holds what was answered, and what the nodes have, against the order.
func (s *simulation) checkAll() {
	if s.wasFull { // so a run may not have lifted its hold, and the next one does
		s.archivesAgain()
	}
	for _, m := range s.machines {
		s.takesAgain(m)
	}
	s.archivesAgain()
	s.findCorrected()
	s.findShutOut()
	s.findStill()
	before := len(s.faults)
	for end := uint64(0); end != s.engine.End(); { // a node may still take the place of another
		end = s.engine.End()
		s.faults = s.faults[:before]
		s.checkOrder()
	}
}

func (s *simulation) checkOrder() {
	begin, batches := s.engine.Order()
	origins := &originCheck{simulation: s, owners: s.owners(), led: make(map[uint64]int), written: make(map[string]uint64)}
	truth := store.New()
	at := begin
	s.hold(truth, at.Sequence, nil, store.Verdicts{})
	for _, batch := range batches {
		payload, err := at.Follow(batch)
		if err != nil {
			s.isFault("batch %d of the order: %v", at.Sequence+1, err)
			return
		}
		at = at.After(batch)
		verdicts, err := truth.Apply(payload, store.Verdicts{})
		if err != nil {
			s.isFault("batch %d of the order: %v", at.Sequence, err)
			return
		}
		origins.look(truth, at.Sequence, payload, verdicts)
		s.hold(truth, at.Sequence, payload, verdicts)
	}
	for _, q := range s.asked {
		switch {
		case q.err == nil && !q.isRight:
			s.isFault("%s answered 200 to %q between batches %d and %d, and it was in none of them", q.node, q, q.asked, q.answered)
		case q.err == nil && s.lasts(q.request) && !q.stands(truth):
			s.isFault("%s answered 200 to %q, which is not there in the end", q.node, q)
		case q.isRefused() && !q.isRight:
			s.isFault("%s refused %q between batches %d and %d, though none of them refuses it: %v", q.node, q, q.asked, q.answered, q.err)
		}
	}
	for _, m := range s.machines {
		s.checkNode(m, truth, begin.Sequence, batches)
		s.checkRows(m)
	}
}

// lasts reports whether what was asked for is there in the end, if it ever is.
func (s *simulation) lasts(r request) bool {
	switch r := r.(type) {
	case fleeting, showing:
		return false
	case sentReading:
		return !s.corrected[r]
	}
	return true
}

// takesAgain makes sure that a node is well, and that no run which was cut off holds anything back.
func (s *simulation) takesAgain(m *host) {
	id := meter.ID("END-" + m.name)
	s.takes(m, func(int) request { return reception{on: true} })
	s.takes(m, func(try int) request {
		return registration{id, fmt.Sprintf("try %d at the end of %s;", try, m.name)}
	})
	for _, q := range runs[:2] {
		s.takes(m, func(int) request {
			return sentReading{meter.Reading{Meter: id, Slot: s.zone.MonthWindow(q.Month).From + 1, Register: register(int(q.Month.Month))}}
		})
	}
}

// takes asks a node until it answers 200. A shutdown that nobody was answered may still have come behind the last resume.
func (s *simulation) takes(m *host, r func(try int) request) {
	began := time.Now()
	for try := 1; time.Since(began) < healthyAfter && m.process != nil; try++ {
		switch err := s.ask(m.name, m.take(), r(try)); {
		case err == nil || meter.CodeOf(err) == meter.CodeMeterExists || meter.CodeOf(err) == meter.CodeAlreadyReceiving:
			return
		case meter.CodeOf(err) == meter.CodeNotReceiving && m.process != nil:
			_ = s.ask(m.name, m.take(), reception{on: true}) // else the next time
		}
		time.Sleep(100 * time.Millisecond)
		s.revive()
	}
	s.isFault("%s does not take %q %v after all faults were mended", m.name, r(0), healthyAfter)
}

// hold holds answers against the state behind a batch. Readings may also have been refused in the middle of
// it, by a verdict of it, and what is fleeting have stood there.
func (s *simulation) hold(truth *store.Store, sequence uint64, payload []byte, verdicts store.Verdicts) {
	for _, q := range s.asked {
		switch {
		case q.err == nil && slices.Contains(q.standsAt, sequence) && !q.stands(truth):
			s.isFault("%s answered 200 to %q behind batch %d, from which on nothing of it could be recorded", q.node, q, sequence)
		case sequence < q.since || sequence > q.answered:
		case q.err == nil:
			f, isFleeting := q.request.(fleeting)
			q.isRight = q.isRight || q.stands(truth) || isFleeting && sequence > q.asked && bytes.Contains(payload, f.trace())
		case q.isRefused() && sequence >= q.asked:
			code := meter.CodeOf(q.err)
			q.isRight = q.isRight || q.isWrong(truth, code) || code == meter.CodeNotReceiving && !truth.Receiving() ||
				sequence > q.asked && slices.ContainsFunc(verdicts.Others(), func(v store.PlacedVerdict) bool { return codes[v.Outcome] == code })
		}
	}
}

// checkNode makes sure that a node has the state that the order makes, and a part of the order in its journal.
func (s *simulation) checkNode(m *host, truth *store.Store, begin uint64, batches [][]byte) {
	first := begin + 1
	for began := time.Now(); m.Store().Digest() != truth.Digest() && time.Since(began) < healthyAfter; {
		time.Sleep(100 * time.Millisecond)
	}
	if m.Store().Hash() != truth.Hash() {
		s.isFault("%s has another state than the order makes", m.name)
	}
	if m.Store().Digest() != truth.Digest() {
		s.isFault("%s has come to other verdicts than the order makes", m.name)
	}
	err := m.Batches(begin, func([]byte) error { return nil })
	if cut, ok := errors.AsType[*cluster.CutError](err); ok {
		begin = cut.First - 1
	}
	next := begin + 1
	err = m.Batches(begin, func(batch []byte) error {
		sequence, err := chain.SequenceOf(batch)
		if err != nil || sequence != next || sequence-first >= uint64(len(batches)) || !bytes.Equal(batch, batches[sequence-first]) {
			s.isFault("%s has another batch %d than the order has: %v", m.name, next, err)
		}
		next++
		return nil
	})
	if err != nil {
		s.isFault("the journal of %s: %v", m.name, err)
	}
}

// originCheck looks at what the order says of its terms and proposals.
type originCheck struct {
	*simulation
	term    store.Term
	led     map[uint64]int    // terms by incarnation
	last    map[uint64]uint64 // number of the last proposal by incarnation
	owners  map[string]uint64 // how often they may be written
	written map[string]uint64 // how often they are
}

// noteLead notes with which head a node began to lead.
func (s *simulation) noteLead(v cluster.View) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.terms[v.Head.Sequence+1] = max(s.terms[v.Head.Sequence+1], v.Leader.Term)
}

func (o *originCheck) look(truth *store.Store, sequence uint64, payload []byte, verdicts store.Verdicts) {
	for _, v := range verdicts.Others() {
		if v.Outcome == store.Diverged {
			o.isFault("batch %d says that its writer has come to other verdicts", sequence)
		}
	}
	term, isTerm := store.ReadTerm(payload)
	if least := o.terms[sequence]; least > term.Number {
		o.isFault("batch %d is of an older term than %d, whose leader was told that nothing of those comes any more", sequence, least)
	}
	if isTerm {
		if hold, stands := truth.Hold(); stands {
			o.isFault("batch %d begins a term, and %+v stands", sequence, hold)
		}
		o.saw(led)
		if o.led[term.Incarnation]++; o.led[term.Incarnation] > 1 {
			o.saw(regained)
		}
		if o.term.Number >= term.Number {
			o.isFault("batch %d begins term %d behind term %d", sequence, term.Number, o.term.Number)
		}
		o.term, o.last = term, make(map[uint64]uint64)
		return
	}
	origins, _, ok := store.ReadContents(payload)
	if !ok && verdicts.Len() > 1 {
		o.isFault("batch %d does not say what it is made of", sequence)
	}
	entries := 1
	for _, origin := range origins {
		if last := o.last[origin.Incarnation]; origin.Number != last+1 {
			o.isFault("batch %d has proposal %d of process %x behind proposal %d", sequence, origin.Number, origin.Incarnation, last)
		}
		o.last[origin.Incarnation] = origin.Number
		entries += int(origin.Entries)
	}
	if ok && entries != verdicts.Len() {
		o.isFault("batch %d has %d verdicts, and says that it has %d entries", sequence, verdicts.Len(), entries)
	}
	o.lookTwice(sequence, payload)
}

// lookTwice makes sure that no registration was written twice that was asked for once.
func (o *originCheck) lookTwice(sequence uint64, payload []byte) {
	for owner, asked := range o.owners {
		if n := bytes.Count(payload, []byte(owner)); n > 0 {
			o.written[owner] += uint64(n)
			if o.written[owner] > asked {
				o.isFault("batch %d has the registration for %q, which the order has %d times though it was asked for %d times", sequence, owner, o.written[owner], asked)
			}
		}
	}
}

// owners returns how often registrations were asked for, by owner.
func (s *simulation) owners() map[string]uint64 {
	owners := make(map[string]uint64)
	for _, q := range s.asked {
		if r, ok := q.request.(registration); ok {
			owners[r.owner]++
		}
	}
	return owners
}
