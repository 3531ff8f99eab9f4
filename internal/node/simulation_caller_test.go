package node_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/node"
	"meterledger/internal/store"
)

// request is what a caller asks a node for.
type request interface {
	fmt.Stringer
	// ask returns nil for what is answered 200.
	ask(ctx context.Context, n *node.Node) error
	// stands reports whether a state has what was asked for.
	stands(s *store.Store) bool
	// isWrong reports whether a state refuses it with that code.
	isWrong(s *store.Store, code meter.Code) bool
}

// question is a request, and what became of it.
type question struct {
	request
	node            string
	asked, answered uint64 // the end of the order before and after
	err             error
	isRight         bool // the answer was, at some moment between
}

// isRefused reports whether the answer is a refusal that is final.
func (q *question) isRefused() bool {
	code := meter.CodeOf(q.err)
	return q.err != nil && code != meter.CodeInternal && !code.Passes()
}

// caller asks one thing after the other.
type caller struct {
	*simulation
	number int
	luck   *rand.Rand
	tries  int
	last   request // nil, or what was asked last
	newest request // nil, or what is asked next: a reading of a meter that was registered just now
}

// startCallers starts callers, who end when the channel that is returned is closed.
func (s *simulation) startCallers() (end chan struct{}) {
	end = make(chan struct{})
	for i := range 4 {
		c := &caller{simulation: s, number: i, luck: rand.New(rand.NewPCG(s.seed, uint64(i+1)))}
		s.calls.Go(func() { c.askAll(end) })
	}
	return end
}

func (c *caller) askAll(end <-chan struct{}) {
	for {
		select {
		case <-end:
			return
		case <-time.After(c.pause()):
			c.askOne()
		}
	}
}

// pause is the time until the caller asks again: next to none if it has just got to know that a meter is registered.
func (c *caller) pause() time.Duration {
	if c.newest != nil {
		return time.Millisecond
	}
	return time.Duration(c.luck.IntN(200)) * time.Millisecond
}

func (c *caller) askOne() {
	m := c.machines[c.luck.IntN(len(c.machines))]
	p := m.take()
	if p == nil {
		return
	}
	switch {
	case c.newest != nil:
		c.last, c.newest = c.newest, nil
	case c.last == nil || c.luck.IntN(5) > 0: // else the same again, often at another node
		c.last = c.draw()
	}
	if r, isReading := c.last.(sentReading); isReading && c.luck.IntN(3) == 0 {
		c.askMany(m.name, p, r)
		return
	}
	err := c.ask(m.name, p, c.last)
	if r, isRegistration := c.last.(registration); isRegistration && err == nil {
		c.newest = sentReading{meter.Reading{Meter: r.id, Slot: c.zone.DayStart(meter.Day{Year: 2026, Month: time.October, Day: 2}), Register: register(2000)}}
	}
}

// askMany has a node record some readings together.
func (c *caller) askMany(name string, p *process, r sentReading) {
	readings := []meter.Reading{r.Reading}
	for range c.luck.IntN(20) {
		if other, isReading := c.draw().(sentReading); isReading {
			readings = append(readings, other.Reading)
		}
	}
	asked := c.end()
	results, err := p.RecordMany(context.Background(), readings)
	p.calls.Done()
	answered := c.end()
	if p.killed.Load() {
		err = errKilled
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, r := range readings {
		q := &question{request: sentReading{r}, node: name, asked: asked, answered: answered, err: err}
		if err == nil {
			q.err = results[i].Err
		}
		c.asked = append(c.asked, q)
	}
}

// patience is how long a caller waits for an answer: longer than a node takes for a question to the engine,
// one to the order, and one more of each.
const patience = 25 * time.Second

var errNoAnswer = errors.New("no answer came")

// ask asks a node, and notes what it answers. The call is one of the process, and is over with its answer.
func (s *simulation) ask(name string, p *process, r request) error {
	q := &question{request: r, node: name, asked: s.end()}
	answer := make(chan error, 1)
	go func() {
		defer p.calls.Done()
		answer <- r.ask(context.Background(), p.Node)
	}()
	select {
	case q.err = <-answer:
	case <-time.After(patience):
		q.err = errNoAnswer
	}
	q.answered = s.end()
	switch {
	case p.killed.Load():
		q.err = errKilled
	case q.err == errNoAnswer:
		s.isFault("%s gives no answer to %q for %v", name, r, patience)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, q)
	return q.err
}

// end returns the sequence of the newest batch.
func (s *simulation) end() uint64 {
	begin, batches := s.engine.Order()
	return begin.Sequence + uint64(len(batches))
}

func (c *caller) draw() request {
	id := meter.ID(fmt.Sprint("M", c.luck.IntN(6)))
	at := c.luck.IntN(96) // half of them in each of two months
	slot := c.zone.DayStart(meter.Day{Year: 2026, Month: time.September, Day: 30}) + meter.Slot(at)
	switch n := c.luck.IntN(100); {
	case n < 8: // of nobody
		return sentReading{meter.Reading{Meter: "nobody", Slot: slot, Register: register(at)}}
	case n < 20:
		c.tries++
		if c.luck.IntN(2) == 0 {
			id = meter.ID(fmt.Sprintf("N%d-%d", c.number, c.tries))
		}
		return registration{id, fmt.Sprintf("try %d of %d;", c.tries, c.number)}
	case n < 30:
		return c.drawChange(id, at, slot)
	case n < 45: // not what the others would send
		return sentReading{meter.Reading{Meter: id, Slot: slot, Register: register(max(0, 10*at+c.luck.IntN(200)-170))}}
	default:
		return sentReading{meter.Reading{Meter: id, Slot: slot, Register: register(10 * at)}}
	}
}

// registration is the request to register a meter.
type registration struct {
	id    meter.ID
	owner string // of no other registration
}

func (r registration) String() string { return fmt.Sprintf("register %s for %s", r.id, r.owner) }

func (r registration) ask(ctx context.Context, n *node.Node) error {
	return n.Register(ctx, r.id, r.owner, "1 Road")
}

func (r registration) stands(s *store.Store) bool {
	m, known := s.Lookup(r.id)
	return known && s.Account(m.Index).OwnerName == r.owner
}

func (r registration) isWrong(s *store.Store, code meter.Code) bool {
	_, known := s.Lookup(r.id)
	return known && code == meter.CodeMeterExists
}

// sentReading is the request to record a reading.
type sentReading struct{ meter.Reading }

func (r sentReading) String() string {
	return fmt.Sprintf("record %s %d %v", r.Meter, r.Slot, r.Register)
}

func (r sentReading) ask(ctx context.Context, n *node.Node) error {
	_, err := n.Record(ctx, r.Reading)
	return err
}

// stands also trusts the file of a month that is closed; checkRows looks into it. A reading that was
// corrected stands for its sender.
func (r sentReading) stands(s *store.Store) bool {
	m, known := s.Lookup(r.Meter)
	if !known {
		return false
	}
	w := meter.Window{From: r.Slot, To: r.Slot}
	rows := s.Read(m.Index, w, nil)
	return len(rows.Archives) > 0 || len(rows.Points) == 1 && rows.Points[0].Register == r.Register ||
		slices.ContainsFunc(s.History(m.Index, w), func(p store.Past) bool { return p.Before == r.Register })
}

func (r sentReading) judge(s *store.Store) store.Verdict {
	m, known := s.Lookup(r.Meter)
	if !known {
		return store.Verdict{Outcome: store.MeterExists} // which is no verdict on a reading
	}
	return s.Judge(store.Reading{Meter: m.Index, Slot: r.Slot, Register: r.Register}, false)
}

// codes are what readings are refused with.
var codes = map[store.Outcome]meter.Code{
	store.Conflict: meter.CodeReadingConflict, store.BelowEarlier: meter.CodeReadingDecreases, store.AboveLater: meter.CodeReadingDecreases,
	store.BelowExchange: meter.CodeReadingDecreases, store.AboveExchange: meter.CodeReadingDecreases,
}

func (r sentReading) isWrong(s *store.Store, code meter.Code) bool {
	_, known := s.Lookup(r.Meter)
	if code == meter.CodeMeterNotFound || !known {
		return !known && code == meter.CodeMeterNotFound
	}
	outcome := r.judge(s).Outcome
	return outcome == store.Archived || codes[outcome] == code // beside rows that only the file has
}
