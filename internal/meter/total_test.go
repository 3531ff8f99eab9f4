package meter_test

import (
	"math/big"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"meterledger/internal/meter"
)

// anyDials draws exchanges of any registers, and the sum of what they add at the end.
func anyDials(t *rapid.T) (d meter.Dials, offset decimal.Decimal) {
	for i := range rapid.IntRange(0, 6).Draw(t, "changes") {
		c := meter.Change{At: meter.Instant(i), Kind: meter.Exchange, Old: anyRegister().Draw(t, "old"), New: anyRegister().Draw(t, "new")}
		d, offset = d.With(c), offset.Add(c.Old.Decimal()).Sub(c.New.Decimal())
	}
	return d, offset
}

func TestTotalsAgreeWithBigIntegers(t *testing.T) {
	const later = meter.Slot(1)
	nano := func(d decimal.Decimal) *big.Int { return d.Shift(meter.RegisterDecimalsMax).BigInt() }
	rapid.Check(t, func(t *rapid.T) {
		a, aOffset := anyDials(t)
		b, bOffset := anyDials(t)
		p, q := meter.Point{Slot: later, Register: anyRegister().Draw(t, "p")}, meter.Point{Slot: later, Register: anyRegister().Draw(t, "q")}
		one, other := aOffset.Add(p.Register.Decimal()), bOffset.Add(q.Register.Decimal())
		if got := a.Total(p); !got.Decimal().Equal(one) {
			t.Fatalf("the total is %v, want %v", got.Decimal(), one)
		}
		if got, want := a.Total(p).Cmp(b.Total(q)), nano(one).Cmp(nano(other)); got != want {
			t.Fatalf("%v compared with %v is %d, want %d", one, other, got, want)
		}
		if got, want := nano(a.Total(p).Sub(b.Total(q)).Decimal), new(big.Int).Sub(nano(one), nano(other)); got.Cmp(want) != 0 {
			t.Fatalf("%v - %v is %v, want %v, of 10^-9 kWh", one, other, got, want)
		}
	})
}
