package e2e

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// pointsMax is how many half hours of a meter are used.
const pointsMax = 24

// registers is all that there is to know of one meter: what it showed at each half
// hour, in kWh; 0 if nothing was recorded.
type registers [pointsMax]int

// post asks for one reading to be recorded.
type post struct{ point, register int }

// exchange asks for another dial ten minutes after a half hour.
type exchange struct {
	point int
	dials
}

// dials are what the old one showed last and the new one first.
type dials struct{ old, first int }

// correction asks for another register in the place of one; 0 withdraws it.
type correction struct{ point, expect, register int }

// life is all that there is to know of one meter.
type life struct {
	registers
	changes  [pointsMax]dials
	replaced [pointsMax]uint64 // the registers that were corrected, modulo 64
}

// outcome is the answer to a post.
type outcome string

const (
	accepted   outcome = "accepted"
	duplicate  outcome = "duplicate"
	success    outcome = "success" // one of those two: a single reading is not told which
	conflict   outcome = "reading_conflict"
	decreases  outcome = "reading_decreases"
	exchanged  outcome = "exchange_conflict" // by another exchange
	unanswered outcome = "no answer"
)

// query asks for all readings; its answer is registers.
type query struct{}

// usageQuery asks for the consumption between the first half hour and the last; its
// answer is usageAnswer.
type usageQuery struct{}

// usageAnswer is the first register, the last, how many there are, and the energy between the
// two. All are 0 if there are fewer than two.
type usageAnswer struct{ first, last, count, used int }

// judge decides about a post by the rules of the contract.
func (l life) judge(p post) (outcome, life) {
	recorded := l.registers[p.point]
	switch {
	case l.replaced[p.point]&(1<<(p.register%64)) != 0, recorded == p.register:
		return duplicate, l
	case recorded != 0:
		return conflict, l
	}
	next := l
	next.registers[p.point] = p.register
	return l.ifRising(next)
}

func (l life) exchange(e exchange) (outcome, life) {
	switch l.changes[e.point] {
	case e.dials:
		return duplicate, l
	case dials{}:
		next := l
		next.changes[e.point] = e.dials
		return l.ifRising(next)
	}
	return exchanged, l
}

func (l life) correct(c correction) (outcome, life) {
	if l.registers[c.point] != c.expect {
		return conflict, l
	}
	next := l
	next.registers[c.point] = c.register
	next.replaced[c.point] |= 1 << (c.expect % 64)
	return l.ifRising(next)
}

// ifRising returns what follows if the registers of each dial rise with time.
func (l life) ifRising(next life) (outcome, life) {
	last := 0
	for point, register := range next.registers {
		change := next.changes[point]
		if register != 0 && register < last || change != (dials{}) && change.old < max(last, register) {
			return decreases, l
		}
		if last = max(last, register); change != (dials{}) {
			last = change.first
		}
	}
	return accepted, next
}

func (l life) usage() (u usageAnswer) {
	between := 0 // by how much the dials since the last reading have moved
	for point, register := range l.registers {
		if register != 0 {
			if u.count == 0 {
				u.first, u.last, between = register, register, 0
			}
			u.used += register - u.last + between
			u.last, between = register, 0
			u.count++
		}
		between += l.changes[point].old - l.changes[point].first
	}
	if u.count < 2 {
		return usageAnswer{}
	}
	return u
}

// after says whether an answer is right, and what holds afterwards.
func (l life) after(input, output any) (bool, life) {
	var verdict outcome
	next := l
	switch asked := input.(type) {
	case query:
		return output == l.registers, l
	case usageQuery:
		return output == l.usage(), l
	case post:
		verdict, next = l.judge(asked)
	case exchange:
		verdict, next = l.exchange(asked)
	case correction:
		verdict, next = l.correct(asked)
	default:
		panic(fmt.Sprintf("BUG: a meter was asked %T", input))
	}
	right := output == verdict || output == unanswered ||
		output == success && (verdict == accepted || verdict == duplicate)
	return right, next
}

// meterModel is one meter for the checker.
var meterModel = porcupine.Model{
	Init: func() any { return life{} },
	Step: func(state, input, output any) (bool, any) { return state.(life).after(input, output) },
}

// openEnd is when an operation ends that nobody answered: any time may be the one
// at which it took effect, or none.
const openEnd = math.MaxInt64

// historyTimeMax is how long the checker may look for an order.
const historyTimeMax = 10 * time.Second

// wantLegal wants a history of one meter to be that of a meter that does one thing
// after another, each between its call and its answer.
func wantLegal(t *testing.T, name string, history []porcupine.Operation) {
	t.Helper()
	switch result, info := porcupine.CheckOperationsVerbose(meterModel, history, historyTimeMax); result {
	case porcupine.Ok:
	case porcupine.Unknown:
		t.Errorf("meter %s: no verdict on %d operations within %s", name, len(history), historyTimeMax)
	default:
		t.Errorf("meter %s: no order of %d operations explains their answers.\n%s", name, len(history), stuck(history, info))
	}
}

// stuck tells how far an order of a history comes at best: its end, and what would have to follow, none of which fits.
func stuck(history []porcupine.Operation, info porcupine.LinearizationInfo) string {
	longest := slices.MaxFunc(info.PartialLinearizations()[0], func(a, b []int) int { return len(a) - len(b) })
	state, placed := any(life{}), make(map[int]bool)
	for _, id := range longest {
		_, state = meterModel.Step(state, history[id].Input, history[id].Output)
		placed[id] = true
	}
	end := int64(openEnd) // of the first that would have to have come
	for id, o := range history {
		if !placed[id] {
			end = min(end, o.Return)
		}
	}
	var follows []porcupine.Operation
	for id, o := range history {
		if !placed[id] && o.Call <= end {
			follows = append(follows, o)
		}
	}
	text := fmt.Sprintf("After %d of them, at last\n", len(longest))
	for _, id := range longest[max(0, len(longest)-10):] {
		text += describe(history[id])
	}
	text += fmt.Sprintf("it is %+v,\nand one of these would have to follow:\n", state)
	for _, o := range follows {
		text += describe(o)
	}
	return text
}

func describe(history ...porcupine.Operation) (text string) {
	slices.SortFunc(history, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	for _, o := range history {
		text += fmt.Sprintf("%12d to %19d, caller %2d: %T%v → %v %v\n", o.Call, o.Return, o.ClientId, o.Input, o.Input, o.Output, o.Metadata)
	}
	return text
}

// then is a history in which each operation ends before the next begins.
func then(steps ...[2]any) (history []porcupine.Operation) {
	for i, step := range steps {
		o := porcupine.Operation{Input: step[0], Output: step[1], Call: int64(10 * i), Return: int64(10*i + 5)}
		if step[1] == unanswered {
			o.Return = openEnd
		}
		history = append(history, o)
	}
	return history
}

// atOnce is a history whose operations all overlap.
func atOnce(steps ...[2]any) []porcupine.Operation {
	history := then(steps...)
	for i := range history {
		history[i].Call, history[i].Return = 0, max(history[i].Return, int64(10*len(steps)))
	}
	return history
}

func TestAHistoryIsLegalWhereSomeOrderExplainsIt(t *testing.T) {
	none, one, two := registers{}, registers{3: 30}, registers{3: 30, 5: 50}
	for name, c := range map[string]struct {
		history []porcupine.Operation
		legal   bool
	}{
		"one after another": {then(
			[2]any{query{}, none},
			[2]any{post{3, 30}, accepted},
			[2]any{post{3, 30}, duplicate},
			[2]any{post{3, 31}, conflict},
			[2]any{post{4, 29}, decreases},
			[2]any{post{2, 31}, decreases},
			[2]any{post{5, 50}, success},
			[2]any{post{5, 50}, success},
			[2]any{query{}, two},
			[2]any{usageQuery{}, usageAnswer{30, 50, 2, 20}},
		), true},
		"a query at the same time sees it":       {atOnce([2]any{post{3, 30}, accepted}, [2]any{query{}, one}), true},
		"a query at the same time does not":      {atOnce([2]any{post{3, 30}, accepted}, [2]any{query{}, none}), true},
		"no answer, and it was recorded":         {then([2]any{post{3, 30}, unanswered}, [2]any{query{}, one}), true},
		"no answer, and it was not":              {then([2]any{post{3, 30}, unanswered}, [2]any{query{}, none}, [2]any{post{3, 31}, accepted}), true},
		"no answer, and it was refused":          {then([2]any{post{3, 30}, accepted}, [2]any{post{3, 31}, unanswered}, [2]any{query{}, one}), true},
		"acknowledged and lost":                  {then([2]any{post{3, 30}, accepted}, [2]any{query{}, none}), false},
		"success and lost":                       {then([2]any{post{3, 30}, success}, [2]any{query{}, none}), false},
		"a duplicate of what was never recorded": {then([2]any{post{3, 30}, duplicate}), false},
		"acknowledged and altered":               {then([2]any{post{3, 30}, accepted}, [2]any{query{}, registers{3: 31}}), false},
		"invented":                               {then([2]any{post{3, 30}, accepted}, [2]any{query{}, two}), false},
		"seen, then gone":                        {then([2]any{post{3, 30}, unanswered}, [2]any{query{}, one}, [2]any{query{}, none}), false},
		"accepted twice":                         {then([2]any{post{3, 30}, accepted}, [2]any{post{3, 30}, accepted}), false},
		"accepted against another value":         {atOnce([2]any{post{3, 30}, accepted}, [2]any{post{3, 31}, accepted}), false},
		"accepted though it decreases":           {atOnce([2]any{post{3, 30}, accepted}, [2]any{post{5, 29}, accepted}), false},
		"a conflict with nothing":                {then([2]any{post{3, 30}, conflict}), false},
		"decreases from nothing":                 {then([2]any{post{3, 30}, decreases}), false},
		"refused, and there all the same":        {then([2]any{post{3, 30}, accepted}, [2]any{post{5, 20}, decreases}, [2]any{query{}, registers{3: 30, 5: 20}}), false},
		"two queries that see them in opposite orders": {atOnce(
			[2]any{post{3, 30}, accepted}, [2]any{post{5, 50}, accepted},
			[2]any{query{}, one}, [2]any{query{}, registers{5: 50}},
		), false},
		"a consumption that lags":     {then([2]any{post{3, 30}, accepted}, [2]any{post{5, 50}, accepted}, [2]any{usageQuery{}, usageAnswer{}}), false},
		"a consumption of other ends": {then([2]any{post{3, 30}, accepted}, [2]any{post{5, 50}, accepted}, [2]any{usageQuery{}, usageAnswer{30, 49, 2, 19}}), false},
		"an exchange, and a lower dial": {then(
			[2]any{post{3, 30}, accepted},
			[2]any{post{5, 10}, decreases},
			[2]any{exchange{4, dials{32, 9}}, success},
			[2]any{exchange{4, dials{32, 9}}, success},
			[2]any{exchange{4, dials{33, 9}}, exchanged},
			[2]any{post{5, 10}, accepted},
			[2]any{post{4, 33}, decreases},
			[2]any{usageQuery{}, usageAnswer{30, 10, 2, 3}},
		), true},
		"a correction, and the meter's own value again": {then(
			[2]any{post{3, 30}, accepted},
			[2]any{correction{3, 31, 32}, conflict},
			[2]any{correction{3, 30, 29}, success},
			[2]any{post{3, 30}, duplicate},
			[2]any{query{}, registers{3: 29}},
			[2]any{correction{3, 29, 0}, success},
			[2]any{post{3, 31}, accepted},
		), true},
		"an exchange that is lost":           {then([2]any{post{3, 30}, accepted}, [2]any{exchange{4, dials{32, 9}}, success}, [2]any{post{5, 10}, decreases}), false},
		"energy that leaves an exchange out": {then([2]any{post{3, 30}, accepted}, [2]any{exchange{4, dials{32, 9}}, success}, [2]any{post{5, 40}, accepted}, [2]any{usageQuery{}, usageAnswer{30, 40, 2, 10}}), false},
		"a correction that is lost":          {then([2]any{post{3, 30}, accepted}, [2]any{correction{3, 30, 29}, success}, [2]any{query{}, one}), false},
		"a correction that is undone":        {then([2]any{post{3, 30}, accepted}, [2]any{correction{3, 30, 29}, success}, [2]any{post{3, 30}, accepted}), false},
		"seen before it is sent":             {then([2]any{query{}, one}, [2]any{post{3, 30}, accepted}), false},
		"unanswered, seen, overridden":       {then([2]any{post{3, 30}, unanswered}, [2]any{query{}, one}, [2]any{post{3, 31}, accepted}), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := porcupine.CheckOperations(meterModel, c.history); got != c.legal {
				t.Errorf("legal: %v, want %v\n%s", got, c.legal, describe(c.history...))
			}
		})
	}
}
