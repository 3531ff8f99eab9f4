package vee_test

import (
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"meterledger/internal/meter"
	"meterledger/internal/vee"
)

func kwh(t testing.TB, text string) meter.Register {
	t.Helper()
	k, err := meter.ParseRegister(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return k
}

func anyRegister() *rapid.Generator[meter.Register] {
	return rapid.Custom(func(t *rapid.T) meter.Register {
		k, _ := meter.RegisterFromParts(rapid.Int64Range(0, 999_999_999_999_999_999).Draw(t, "coefficient"), rapid.Uint8Range(0, meter.RegisterDecimalsMax).Draw(t, "scale"))
		return k
	})
}

// onTheLine is the register on the straight line between two others.
func onTheLine(t interface{ Fatalf(string, ...any) }, from, to meter.Point, at meter.Slot) meter.Register {
	e := vee.Estimator{Mode: vee.LinearOnly}
	k := e.At(at, &from, &to)
	if k.Source != vee.Linear || k.Slot != at {
		t.Fatalf("%v to %v at %d: %+v", from, to, at, k)
	}
	return k.Register
}

func TestInterpolatedRegistersLieOnTheLine(t *testing.T) {
	for _, c := range []struct {
		from, to   string
		slots, at  meter.Slot
		want, note string
	}{
		{"1", "2", 2, 1, "1.5", "in the middle"},
		{"1", "2", 3, 1, "1.333", "rounded down to 3 decimals"},
		{"1", "2", 3, 2, "1.666", "rounded down, not to the nearest"},
		{"1.00001", "2", 3, 1, "1.33334", "as many decimals as a neighbour has"},
		{"0.000000001", "0.000000002", 2, 1, "0.000000001", "9 decimals are the most"},
		{"5", "5", 7, 3, "5", "a register that stands still"},
		{"0", "999999999999999999", 2, 1, "499999999999999999", "as many decimals as 18 digits leave"},
		{"0.000000001", "999999999999999999", 1_000_000_000, 1, "999999999.999999999", "the same at the other end of the scale"},
		{"0.000000009", "100000000000000000", 2, 1, "50000000000000000", "fewer decimals than a neighbour"},
		{"999999999.999999999", "1000000000", 2, 1, "999999999.999999999", "never below the earlier one"},
	} {
		from, to := meter.Point{Slot: 100, Register: kwh(t, c.from)}, meter.Point{Slot: 100 + c.slots, Register: kwh(t, c.to)}
		if got := onTheLine(t, from, to, 100+c.at); got.String() != c.want {
			t.Errorf("%s: %s to %s, %d of %d: %v, want %s", c.note, c.from, c.to, c.at, c.slots, got, c.want)
		}
	}
}

func TestInterpolatedRegistersRiseAndStayBetweenTheirNeighbours(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyRegister().Draw(t, "a"), anyRegister().Draw(t, "b")
		if a.Cmp(b) > 0 {
			a, b = b, a
		}
		from := meter.Point{Slot: 1000, Register: a}
		to := meter.Point{Slot: 1000 + meter.Slot(rapid.Uint32Range(2, 50).Draw(t, "slots")), Register: b}
		before := a
		for at := from.Slot + 1; at < to.Slot; at++ {
			got := onTheLine(t, from, to, at)
			if got.Cmp(before) < 0 || got.Cmp(b) > 0 {
				t.Fatalf("%v at %d does not lie between %v and %v", got, at, before, b)
			}
			exact := a.Decimal().Add(b.Decimal().Sub(a.Decimal()).Mul(decimal.NewFromInt(int64(at-from.Slot))).
				DivRound(decimal.NewFromInt(int64(to.Slot-from.Slot)), 30))
			if off := exact.Sub(got.Decimal()).Abs(); off.GreaterThan(tolerance(got)) {
				t.Fatalf("%v at %d is %v off the line", got, at, off)
			}
			before = got
		}
	})
}

// tolerance is the last digit that a register of its size has room for.
func tolerance(k meter.Register) decimal.Decimal {
	whole := len(k.Decimal().Truncate(0).String())
	return decimal.New(1, -int32(min(3, meter.RegisterDigitsMax-whole)))
}
