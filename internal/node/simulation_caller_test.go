package node_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
	isRight         bool // a refusal that was right at some moment between
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
		case <-time.After(time.Duration(c.luck.IntN(200)) * time.Millisecond):
			c.askOne()
		}
	}
}

func (c *caller) askOne() {
	m := c.machines[c.luck.IntN(len(c.machines))]
	p := m.take()
	if p == nil {
		return
	}
	if c.last == nil || c.luck.IntN(5) > 0 { // else the same again, often at another node
		c.last = c.draw()
	}
	c.ask(m.name, p, c.last)
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
	if c.luck.IntN(4) == 0 {
		c.tries++
		return registration{id, fmt.Sprintf("try %d of %d;", c.tries, c.number)}
	}
	day := meter.Day{Year: 2026, Month: time.September, Day: 30}
	at := c.luck.IntN(96) // half of them in each of two months
	noise := 0
	if c.luck.IntN(4) == 0 {
		noise = c.luck.IntN(30)
	}
	register, err := meter.ParseRegister(fmt.Sprint(10*at + noise))
	if err != nil {
		panic(err)
	}
	return sentReading{meter.Reading{Meter: id, Slot: c.zone.DayStart(day) + meter.Slot(at), Register: register}}
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

// stands also trusts the file of a month that is closed; checkRows looks into it.
func (r sentReading) stands(s *store.Store) bool {
	m, known := s.Lookup(r.Meter)
	if !known {
		return false
	}
	rows := s.Read(m.Index, meter.Window{From: r.Slot, To: r.Slot}, nil)
	return len(rows.Archives) > 0 || len(rows.Points) == 1 && rows.Points[0].Register.Cmp(r.Register) == 0
}

func (r sentReading) judge(s *store.Store) store.Verdict {
	m, known := s.Lookup(r.Meter)
	if !known {
		return store.Verdict{Outcome: store.MeterExists} // which is no verdict on a reading
	}
	return s.Judge(store.Reading{Meter: m.Index, Slot: r.Slot, Register: r.Register}, false)
}

func (r sentReading) isWrong(s *store.Store, code meter.Code) bool {
	_, known := s.Lookup(r.Meter)
	if code == meter.CodeMeterNotFound || !known {
		return !known && code == meter.CodeMeterNotFound
	}
	switch r.judge(s).Outcome {
	case store.Conflict:
		return code == meter.CodeReadingConflict
	case store.BelowEarlier, store.AboveLater, store.BelowExchange, store.AboveExchange:
		return code == meter.CodeReadingDecreases
	case store.Archived:
		return true // beside rows that only the file has
	}
	return false
}
