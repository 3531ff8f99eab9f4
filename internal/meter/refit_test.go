package meter_test

import (
	"cmp"
	"math"
	"slices"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"meterledger/internal/dialtest"
	"meterledger/internal/meter"
)

// anySeries draws what one dial shows at some half hours, at no more than 50 kW.
func anySeries(t *rapid.T) (points []meter.Point) {
	scale := rapid.SampledFrom([]int32{0, 1, 3, 7, 9}).Draw(t, "scale")
	shown, slot := decimal.New(rapid.Int64Range(0, 999_999).Draw(t, "first"), -scale), ten
	for range rapid.IntRange(1, 12).Draw(t, "readings") {
		gap := rapid.SampledFrom([]int64{1, 1, 1, 2, 3, 40}).Draw(t, "gap")
		used := decimal.New(gap*rapid.SampledFrom([]int64{0, 1, 1 << 8, 25_000}).Draw(t, "used"), -3)
		slot, shown = slot+meter.Slot(gap), shown.Add(used.Truncate(scale))
		register, err := meter.ParseRegister(shown.String())
		if err != nil {
			t.Fatal(err)
		}
		points = append(points, meter.Point{Slot: slot, Register: register})
	}
	return points
}

// anyLife draws a meter whose dials go through less than one turn between any two readings.
func anyLife(t *rapid.T) dialtest.Meter {
	uncut := anySeries(t)
	most := uncut[len(uncut)-1].Register.Decimal().Sub(uncut[0].Register.Decimal())
	var modulus meter.Register
	for _, m := range dialtest.Moduli {
		if m.Decimal().GreaterThan(most) && rapid.Bool().Draw(t, "rolls over") {
			modulus = m
			break
		}
	}
	return dialtest.Draw(t, uncut, modulus, 4)
}

// TestTheOrderInWhichReadingsAndExchangesComeDoesNotMatter sends a meter's readings and
// exchanges in any order. What does not fit yet is sent again, as the retake of what was
// refused does. Only if a dial rolls over, of which nothing is known but its exchanges, these
// may each wait for the other: then they come first, in order of time.
func TestTheOrderInWhichReadingsAndExchangesComeDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		life := anyLife(t)
		h := &house{limits: life.Limits}
		var left []any
		for _, p := range life.Shown {
			left = append(left, p)
		}
		for _, c := range life.Changes {
			left = append(left, c)
		}
		left = rapid.Permutation(left).Draw(t, "order")
		rollsOver := life.Limits.RollsOverAt != meter.Register{}
		if rollsOver && len(life.Changes) > 1 || rapid.Bool().Draw(t, "exchanges first") {
			slices.SortStableFunc(left, exchangesFirst)
		}
		for len(left) > 0 {
			before := len(left)
			if left = slices.DeleteFunc(left, h.fits); len(left) == before {
				t.Fatalf("%+v fit nowhere beside %v and %+v, of %+v", left, h.points, h.dials, life)
			}
		}
		wantUncut(t, h, life)
	})
}

// exchangesFirst orders exchanges by time and puts readings after them.
func exchangesFirst(a, b any) int { return cmp.Compare(rank(a), rank(b)) }

func rank(step any) meter.Instant {
	if c, ok := step.(meter.Change); ok {
		return c.At
	}
	return math.MaxInt64
}

func (h *house) fits(step any) bool {
	if p, reading := step.(meter.Point); reading {
		_, taken := h.take(p)
		return taken
	}
	return h.exchange(step.(meter.Change)) == nil
}

// wantUncut wants the energy between any two readings to be that of the uncut series.
func wantUncut(t *rapid.T, h *house, life dialtest.Meter) {
	for i := range life.Uncut {
		for j := range life.Uncut[i:] {
			from, to := life.Uncut[i].Slot, life.Uncut[i+j].Slot
			if got, want := h.used(from, to), life.Used(i, i+j); !got.Equal(want) {
				t.Fatalf("from %d to %d %v kWh were used, want %v: %v, %+v, of %+v", from-ten, to-ten, got, want, h.points, h.dials, life)
			}
			var sum decimal.Decimal
			for _, part := range h.points {
				if from < part.Slot && part.Slot <= to {
					before, _, _ := h.around(part.Slot)
					sum = sum.Add(h.used(before.Slot, part.Slot).Decimal)
				}
			}
			if whole := h.used(from, to); !sum.Equal(whole.Decimal) {
				t.Fatalf("the parts from %d to %d add up to %v, not %v", from-ten, to-ten, sum, whole)
			}
		}
	}
}
