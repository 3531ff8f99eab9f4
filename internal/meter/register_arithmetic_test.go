package meter_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"meterledger/internal/meter"
)

func kwh(t testing.TB, text string) meter.Register {
	t.Helper()
	k, err := meter.ParseRegister(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return k
}

func TestComparingAndSubtractingAgreeWithDecimal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyRegister().Draw(t, "a"), anyRegister().Draw(t, "b")
		if got, want := a.Cmp(b), a.Decimal().Cmp(b.Decimal()); got != want {
			t.Fatalf("%v compared with %v is %d, want %d", a, b, got, want)
		}
		if a.Cmp(a) != 0 {
			t.Fatalf("%v is not equal to itself", a)
		}
		if (a == b) != (a.Cmp(b) == 0) {
			t.Fatalf("%v == %v is %v, but Cmp says %d", a, b, a == b, a.Cmp(b))
		}
		if got, want := a.Total().Sub(b.Total()).Decimal, a.Decimal().Sub(b.Decimal()); !got.Equal(want) {
			t.Fatalf("%v - %v = %v, want %v", a, b, got, want)
		}
	})
}

func TestNeighboursAtEveryPairOfScalesAreOrdered(t *testing.T) {
	for scaleA := range uint8(meter.RegisterDecimalsMax + 1) {
		for scaleB := range uint8(meter.RegisterDecimalsMax + 1) {
			for _, coefficient := range []int64{0, 1, 9, 10, 99, 123_456_789, 999_999_999_999_999_998} {
				a, _ := meter.RegisterFromParts(coefficient, scaleA)
				b, _ := meter.RegisterFromParts(coefficient+1, scaleB)
				if got, want := a.Cmp(b), a.Decimal().Cmp(b.Decimal()); got != want {
					t.Errorf("%v compared with %v is %d, want %d", a, b, got, want)
				}
			}
		}
	}
}

func TestEnergyIsWrittenWithExactlyItsDigits(t *testing.T) {
	for _, c := range []struct{ later, earlier, want string }{
		{"0.3", "0.1", "0.2"},
		{"2.50", "1.25", "1.25"},
		{"1.75", "0.25", "1.5"},
		{"5", "5", "0"},
		{"1", "2.5", "-1.5"},
		{"999999999999999999", "0.000000001", "999999999999999998.999999999"},
		{"0.000000001", "0", "0.000000001"},
	} {
		energy := kwh(t, c.later).Total().Sub(kwh(t, c.earlier).Total())
		encoded, err := json.Marshal(map[string]meter.Energy{"consumption": energy})
		if want := `{"consumption":` + c.want + `}`; err != nil || string(encoded) != want {
			t.Errorf("%s - %s is encoded as %s, %v; want %s", c.later, c.earlier, encoded, err, want)
		}
	}
}

func TestPartsMakeTheValueAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		coefficient := rapid.Int64Range(0, 999_999_999_999_999_999).Draw(t, "coefficient")
		scale := rapid.Uint8Range(0, meter.RegisterDecimalsMax).Draw(t, "scale")
		k, ok := meter.RegisterFromParts(coefficient, scale)
		if !ok || !k.Decimal().Equal(decimal.New(coefficient, -int32(scale))) {
			t.Fatalf("%d and %d decimals make %v, %v", coefficient, scale, k, ok)
		}
		if again, ok := meter.RegisterFromParts(k.Parts()); !ok || again != k {
			t.Fatalf("the parts of %v make %v, %v", k, again, ok)
		}
	})
}

func TestPartsBeyondTheLimitsAreRefused(t *testing.T) {
	for _, c := range []struct {
		coefficient int64
		scale       uint8
	}{
		{-1, 0}, {math.MinInt64, 9}, {1_000_000_000_000_000_000, 0}, {1_000_000_000_000_000_000, 9}, {math.MaxInt64, 3}, {0, 10}, {1, 255},
	} {
		if k, ok := meter.RegisterFromParts(c.coefficient, c.scale); ok {
			t.Errorf("%d and %d decimals make %v", c.coefficient, c.scale, k)
		}
	}
}

func TestAtScaleIsExactOrRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := anyRegister().Draw(t, "k")
		for scale := range uint8(12) {
			got, ok := k.AtScale(scale)
			want := k.Decimal().Shift(int32(scale))
			fits := scale <= meter.RegisterDecimalsMax && want.IsInteger() && want.LessThan(decimal.New(1, meter.RegisterDigitsMax))
			if ok != fits {
				t.Fatalf("%v at %d decimals: %v, want %v", k, scale, ok, fits)
			}
			if ok && !want.Equal(decimal.NewFromInt(got)) {
				t.Fatalf("%v at %d decimals is %d, want %v", k, scale, got, want)
			}
		}
	})
}
