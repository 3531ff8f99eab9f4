package meter_test

import (
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"meterledger/internal/meter"
)

func wantText(t interface {
	Helper()
	Errorf(format string, args ...any)
}, coefficient int64, scale uint8,
) {
	t.Helper()
	k, ok := meter.RegisterFromParts(coefficient, scale)
	if !ok {
		return
	}
	want := decimal.New(coefficient, -int32(scale)).String()
	if got := string(k.Append([]byte("before,"))); got != "before,"+want || k.String() != want {
		t.Errorf("%d with %d decimals is written as %s, want %s", coefficient, scale, got, want)
	}
}

func TestRegistersAroundEachNumberOfDigitsAreWrittenExactly(t *testing.T) {
	for scale := range uint8(meter.RegisterDecimalsMax + 1) {
		for power := int64(1); power < 1e18; power *= 10 {
			for _, leading := range []int64{1, 2, 5, 9} {
				for off := int64(-2); off <= 2; off++ {
					wantText(t, leading*power+off, scale)
				}
			}
		}
	}
}

func TestRegistersAsMetersShowThemAreWrittenExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wantText(t, rapid.Int64Range(0, 2_000_000_000).Draw(t, "coefficient"), rapid.Uint8Range(0, 4).Draw(t, "scale"))
	})
}

func TestThousandthsAreWrittenAsTheirRegisterIs(t *testing.T) {
	var room [32]byte
	check := func(t interface {
		Helper()
		Errorf(format string, args ...any)
	}, milli int64,
	) {
		t.Helper()
		got, want := string(room[:meter.MilliText(uint64(milli)).Put(room[:])]), decimal.New(milli, -3).String()
		if got != want {
			t.Errorf("%d thousandths are written as %s, want %s", milli, got, want)
		}
	}
	for milli := range int64(10_000) {
		for _, at := range []int64{0, 990_000, 9_990_000, 999_990_000} {
			check(t, at+milli)
		}
	}
	rapid.Check(t, func(t *rapid.T) { check(t, rapid.Int64Range(0, 999_999_999).Draw(t, "milli")) })
}
