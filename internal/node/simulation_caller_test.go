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

// fleeting is a request whose effect may be undone at once.
type fleeting interface {
	// trace returns what stands of it in the batch in which it took effect.
	trace() []byte
}

// question is a request, and what became of it.
type question struct {
	request
	node            string
	began, ended    time.Duration // since the run began
	asked, answered uint64        // the end of the order before and after
	since           uint64        // from which batch on it may be answered 200: asked, or earlier
	standsAt        []uint64      // batches behind which the request stands, if it was answered 200
	err             error
	isRight         bool // the answer was, at some moment between
}

// asks begins a question.
func (s *simulation) asks(at string, r request) *question {
	q := &question{request: r, node: at, began: time.Since(s.began), asked: s.end()}
	q.since = q.asked
	if _, isShown := r.(showing); isShown {
		q.since = s.endAt(q.began - credentialAge)
	}
	return q
}

// has notes what a question was answered by a process.
func (s *simulation) has(q *question, p *process, err error) {
	q.err, q.ended, q.answered = err, time.Since(s.began), s.end()
	if p.killed.Load() {
		q.err = errKilled
	}
	s.count(q)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, q)
}

func (s *simulation) count(q *question) {
	code := meter.CodeOf(q.err)
	switch {
	case q.err == nil:
		s.saw(taken)
	case q.err == errKilled:
		s.saw(unanswered)
	case q.isRefused():
		s.saw(refusedEvent)
	default:
		s.saw(putOff)
	}
	if reason := meter.ReasonOf(q.err); reason == meter.ReasonClockBehind || reason == meter.ReasonClockSkew {
		s.isFault("%s puts %q off for its clock: %v", q.node, q, q.err)
	}
	switch r := q.request.(type) {
	case reception:
		if q.err == nil {
			s.saw(map[bool]event{false: shutEvent, true: resumedEvent}[r.on])
		}
	case showing:
		if q.err == nil {
			s.saw(shownLive)
		} else if q.isRefused() {
			s.saw(shownDead)
		}
	case revocation:
		if q.err == nil {
			s.saw(revokedEvent)
		}
	case moving:
		if q.err == nil {
			s.saw(ownerEvent)
		}
	}
	if e, found := map[meter.Code]event{meter.CodeNotReceiving: shutOut, meter.CodeMaintenanceRunning: heldBack, meter.CodeDiskFull: diskFull}[code]; found {
		s.saw(e)
	}
}

// isRefused reports whether the answer is a refusal that is final, or that says what reception is.
func (q *question) isRefused() bool {
	code := meter.CodeOf(q.err)
	return q.err != nil && code != meter.CodeInternal && !code.Passes() || code == meter.CodeNotReceiving
}

// caller asks one thing after the other.
type caller struct {
	*simulation
	number int
	luck   *rand.Rand
	tries  int
	last   request // nil, or what was asked last
	newest request // nil, or what is asked next: what another node may not know yet

	credentials int  // made so far
	shuts       bool // it has shut reception down, and is to resume it
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

// pause is the time until the caller asks again: next to none for what another node may not know yet.
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
	c.newest = c.follow(c.last, c.ask(m.name, p, c.last))
}

// follow returns what is asked after an answer, or nil.
func (c *caller) follow(r request, err error) request {
	switch r := r.(type) {
	case registration:
		if err == nil {
			return sentReading{meter.Reading{Meter: r.id, Slot: c.zone.DayStart(meter.Day{Year: 2026, Month: time.October, Day: 2}), Register: register(2000)}}
		}
	case issue:
		if err == nil {
			return showing(r)
		}
	case reception:
		c.shuts = !r.on || err != nil && meter.CodeOf(err) != meter.CodeAlreadyReceiving
	}
	return nil
}

// askMany has a node record some readings together.
func (c *caller) askMany(name string, p *process, r sentReading) {
	readings := []meter.Reading{r.Reading}
	for range c.luck.IntN(20) {
		if other, isReading := c.draw().(sentReading); isReading {
			readings = append(readings, other.Reading)
		}
	}
	var asked []*question
	for _, r := range readings {
		asked = append(asked, c.asks(name, sentReading{r}))
	}
	results, err := p.RecordMany(context.Background(), readings)
	p.calls.Done()
	for i, q := range asked {
		if err == nil {
			q.err = results[i].Err
		}
		c.has(q, p, errors.Join(q.err, err))
	}
}

// patience is how long a caller waits for an answer: longer than a node takes for a question to the engine,
// one to the order, and one more of each.
const patience = 25 * time.Second

var errNoAnswer = errors.New("no answer came")

// ask asks a node, and notes what it answers. The call is one of the process, and is over with its answer.
func (s *simulation) ask(name string, p *process, r request) error {
	q := s.asks(name, r)
	answer := make(chan error, 1)
	go func() {
		defer p.calls.Done()
		answer <- r.ask(context.Background(), p.Node)
	}()
	err := errNoAnswer
	select {
	case err = <-answer:
	case <-time.After(patience):
	}
	s.has(q, p, err)
	if q.err == errNoAnswer {
		s.isFault("%s gives no answer to %q for %v", name, r, patience)
	}
	return q.err
}

// mark is the end of the order at a moment.
type mark struct {
	at  time.Duration // since the run began
	end uint64
}

// end returns the sequence of the newest batch that there was.
func (s *simulation) end() uint64 {
	end := s.engine.End()
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.ends); n > 0 && s.ends[n-1].end >= end {
		return s.ends[n-1].end
	}
	s.ends = append(s.ends, mark{time.Since(s.began), end})
	return end
}

// endAt returns a sequence that the order had reached at a moment.
func (s *simulation) endAt(at time.Duration) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range slices.Backward(s.ends) {
		if m.at <= at {
			return m.end
		}
	}
	return 0
}

func (c *caller) draw() request {
	id := meter.ID(fmt.Sprint("M", c.luck.IntN(6)))
	at := c.luck.IntN(96) // half of them in each of two months
	slot := c.zone.DayStart(meter.Day{Year: 2026, Month: time.September, Day: 30}) + meter.Slot(at)
	switch n := c.luck.IntN(100); {
	case c.shuts && c.luck.IntN(8) == 0:
		return reception{on: true}
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
	case n < 35:
		return c.drawCredential()
	case n < 37:
		return c.drawMove(id)
	case n < 38 && (c.shuts || c.luck.IntN(2) == 0):
		return reception{on: false}
	case n < 50: // not what the others would send
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
	return known && s.AccountAt(m.Index, 0).OwnerName == r.owner // before it was moved
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

// codes are what readings are refused with, and registrations while reception is shut down.
var codes = map[store.Outcome]meter.Code{
	store.Conflict: meter.CodeReadingConflict, store.BelowEarlier: meter.CodeReadingDecreases, store.AboveLater: meter.CodeReadingDecreases,
	store.BelowExchange: meter.CodeReadingDecreases, store.AboveExchange: meter.CodeReadingDecreases, store.NotReceiving: meter.CodeNotReceiving,
}

func (r sentReading) isWrong(s *store.Store, code meter.Code) bool {
	_, known := s.Lookup(r.Meter)
	if code == meter.CodeMeterNotFound || !known {
		return !known && code == meter.CodeMeterNotFound
	}
	outcome := r.judge(s).Outcome
	return outcome == store.Archived || codes[outcome] == code // beside rows that only the file has
}
