package e2e

import (
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

// outcome is the answer to a post.
type outcome string

const (
	accepted   outcome = "accepted"
	duplicate  outcome = "duplicate"
	success    outcome = "success" // one of those two: a single reading is not told which
	conflict   outcome = "reading_conflict"
	decreases  outcome = "reading_decreases"
	unanswered outcome = "no answer"
)

// query asks for all readings; its answer is registers.
type query struct{}

// usageQuery asks for the consumption between the first half hour and the last; its
// answer is usageAnswer.
type usageQuery struct{}

// usageAnswer is the first register, the last, and how many there are. All are 0
// if there are fewer than two.
type usageAnswer struct{ first, last, count int }

// judge decides about a post by the rules of the contract.
func (r registers) judge(p post) outcome {
	if r[p.point] != 0 {
		if r[p.point] == p.register {
			return duplicate
		}
		return conflict
	}
	for point, register := range r {
		if register != 0 && (point < p.point && register > p.register || point > p.point && register < p.register) {
			return decreases
		}
	}
	return accepted
}

func (r registers) usage() usageAnswer {
	var u usageAnswer
	for _, register := range r {
		if register == 0 {
			continue
		}
		if u.count == 0 {
			u.first = register
		}
		u.last = register
		u.count++
	}
	if u.count < 2 {
		return usageAnswer{}
	}
	return u
}

// after says whether an answer is right, and what holds afterwards.
func (r registers) after(input, output any) (bool, registers) {
	switch asked := input.(type) {
	case query:
		return output == r, r
	case usageQuery:
		return output == r.usage(), r
	case post:
		verdict := r.judge(asked)
		right := output == verdict || output == unanswered ||
			output == success && (verdict == accepted || verdict == duplicate)
		if verdict == accepted {
			r[asked.point] = asked.register
		}
		return right, r
	default:
		panic(fmt.Sprintf("BUG: a meter was asked %T", input))
	}
}

// meterModel is one meter for the checker.
var meterModel = porcupine.Model{
	Init: func() any { return registers{} },
	Step: func(state, input, output any) (bool, any) { return state.(registers).after(input, output) },
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
	switch result := porcupine.CheckOperationsTimeout(meterModel, history, historyTimeMax); result {
	case porcupine.Ok:
	case porcupine.Unknown:
		t.Errorf("meter %s: no verdict on %d operations within %s", name, len(history), historyTimeMax)
	default:
		t.Errorf("meter %s: no order of these operations explains their answers:\n%s", name, describe(history))
	}
}

func describe(history []porcupine.Operation) (text string) {
	slices.SortFunc(history, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	for _, o := range history {
		text += fmt.Sprintf("%12d to %12d ns, caller %2d: %T%v → %v\n", o.Call, o.Return, o.ClientId, o.Input, o.Input, o.Output)
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
			[2]any{usageQuery{}, usageAnswer{30, 50, 2}},
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
		"a consumption that lags":      {then([2]any{post{3, 30}, accepted}, [2]any{post{5, 50}, accepted}, [2]any{usageQuery{}, usageAnswer{}}), false},
		"a consumption of other ends":  {then([2]any{post{3, 30}, accepted}, [2]any{post{5, 50}, accepted}, [2]any{usageQuery{}, usageAnswer{30, 49, 2}}), false},
		"seen before it is sent":       {then([2]any{query{}, one}, [2]any{post{3, 30}, accepted}), false},
		"unanswered, seen, overridden": {then([2]any{post{3, 30}, unanswered}, [2]any{query{}, one}, [2]any{post{3, 31}, accepted}), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := porcupine.CheckOperations(meterModel, c.history); got != c.legal {
				t.Errorf("legal: %v, want %v\n%s", got, c.legal, describe(c.history))
			}
		})
	}
}
