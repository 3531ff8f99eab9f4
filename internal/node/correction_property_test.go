package node_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"meterledger/internal/closing"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
)

// correctedMeter is what a meter's readings truly are, the plainest way.
type correctedMeter struct {
	*bench
	truth    map[meter.Slot]meter.Register
	replaced map[meter.Point]bool
	slots    []meter.Slot // that readings are drawn of: at both ends of months, and within
}

const correctedID = meter.ID("A")

// TestCorrectionsAgreeWithThePlainTruth records, corrects and withdraws in any order with
// closings, restarts and crashes between.
func TestCorrectionsAgreeWithThePlainTruth(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := &correctedMeter{newCrashableBench(t), make(map[meter.Slot]meter.Register), make(map[meter.Point]bool), nil}
		defer func() { c.close() }()
		c.register(correctedID, "B")
		for month := time.September; month <= time.November; month++ {
			first := c.zone.MonthWindow(monthOf(month)).From
			c.slots = append(c.slots, first-1, first, first+1, first+48*9, first+48*9+20, first+48*20)
		}
		rt.Repeat(map[string]func(*rapid.T){
			"record":  c.recordOne,
			"correct": c.correctSome,
			"month": func(rt *rapid.T) {
				c.archiveOne(rt, closing.Request{Kind: closing.Monthly, Month: monthOf(time.Month(rapid.IntRange(8, 10).Draw(rt, "month")))})
			},
			"day": func(rt *rapid.T) {
				c.archiveOne(rt, closing.Request{Kind: closing.Daily, Day: c.zone.DayOf(c.draw(rt))})
			},
			"snapshot": func(*rapid.T) { c.snapshot() },
			"kill":     func(*rapid.T) { c.kill() },
			"":         c.check,
		})
		c.settle(rt)
	})
}

func (c *correctedMeter) draw(rt *rapid.T) meter.Slot {
	return rapid.SampledFrom(c.slots).Draw(rt, "slot")
}

// drawRegister draws one that mostly fits its time.
func (c *correctedMeter) drawRegister(rt *rapid.T, slot meter.Slot) meter.Register {
	return kwh(rt, fmt.Sprint(int(slot-c.slots[0])+rapid.IntRange(0, 40).Draw(rt, "more")))
}

func (c *correctedMeter) rises(truth map[meter.Slot]meter.Register) bool {
	var last meter.Register
	for _, slot := range slices.Sorted(maps.Keys(truth)) {
		if truth[slot].Cmp(last) < 0 {
			return false
		}
		last = truth[slot]
	}
	return true
}

func (c *correctedMeter) recordOne(rt *rapid.T) {
	slot := c.draw(rt)
	p := meter.Point{Slot: slot, Register: c.drawRegister(rt, slot)}
	result, err := c.Record(context.Background(), meter.Reading{Meter: correctedID, Slot: slot, Register: p.Register})
	after := maps.Clone(c.truth)
	after[slot] = p.Register
	recorded, taken := c.truth[slot]
	want, duplicate := meter.Code(""), false
	switch {
	case c.replaced[p], taken && recorded == p.Register:
		duplicate = true
	case taken:
		want = meter.CodeReadingConflict
	case !c.rises(after):
		want = meter.CodeReadingDecreases
	default:
		c.truth = after
	}
	if got := code(rt, err); got != want || result.Duplicate != duplicate {
		rt.Fatalf("%v is answered %q, duplicate %v; want %q, %v", p, got, result.Duplicate, want, duplicate)
	}
}

// correctSome corrects some of the readings, which are told in any order.
func (c *correctedMeter) correctSome(rt *rapid.T) {
	slots := slices.Sorted(maps.Keys(c.truth))
	if len(slots) == 0 {
		return
	}
	slots = rapid.Permutation(slots).Draw(rt, "slots")[:rapid.IntRange(1, min(3, len(slots))).Draw(rt, "how many")]
	var list []ledger.Correction
	after := maps.Clone(c.truth)
	for _, slot := range slots {
		one := ledger.Correction{Slot: slot, Expect: c.truth[slot]}
		if register := c.drawRegister(rt, slot); rapid.IntRange(0, 2).Draw(rt, "withdrawn") > 0 && register != one.Expect {
			one.Reading, after[slot] = &register, register
		} else {
			delete(after, slot)
		}
		list = append(list, one)
	}
	want := meter.Code("")
	if !c.rises(after) {
		want = meter.CodeReadingDecreases
	}
	for range 2 { // the second time after a lost answer
		if got := code(rt, c.Correct(context.Background(), correctedID, list, "a wrong dial", "Lim")); got != want {
			rt.Fatalf("%+v is answered %q, want %q", list, got, want)
		}
	}
	if want != "" {
		return
	}
	for _, one := range list {
		c.replaced[meter.Point{Slot: one.Slot, Register: one.Expect}] = true
	}
	c.truth = after
}

func (c *correctedMeter) archiveOne(rt *rapid.T, q closing.Request) {
	if run := c.maintain(q); run.Err != nil {
		rt.Fatalf("%+v: %v", q, run.Err)
	}
}

func (c *correctedMeter) check(rt *rapid.T) {
	var want []meter.Point
	for _, slot := range slices.Sorted(maps.Keys(c.truth)) {
		want = append(want, meter.Point{Slot: slot, Register: c.truth[slot]})
	}
	if got := c.readings(rt, correctedID, meter.Window{From: c.slots[0], To: c.slots[len(c.slots)-1]}); !slices.Equal(got, want) {
		rt.Fatalf("the readings are %v, want %v", got, want)
	}
}

// settle archives all that is due, and wants nothing in bills but what is true.
func (c *correctedMeter) settle(rt *rapid.T) {
	for _, due := range c.Status().Due {
		q := closing.Request{Kind: closing.Daily}
		if due.Period.IsMonth() {
			q = closing.Request{Kind: closing.Monthly, Month: due.Period.CalendarMonth()}
		} else {
			q.Day = due.Period.FirstDay()
		}
		c.archiveOne(rt, q)
	}
	c.check(rt)
	var end meter.Point
	for month := time.August; month <= time.October; month++ {
		bill, err := c.Bill(correctedID, monthOf(month))
		if err != nil || bill.End.Slot == 0 {
			continue
		}
		for _, p := range []meter.Point{bill.Start, bill.End} {
			if register, known := c.truth[p.Slot]; !known || register != p.Register {
				rt.Fatalf("the bill of %s goes from %v to %v, of %v", month, bill.Start, bill.End, c.truth)
			}
		}
		if start := cmp.Or(end, bill.Start); bill.Start != start {
			rt.Fatalf("the bill of %s begins with %v, not with %v", month, bill.Start, start)
		}
		end = bill.End
	}
}
