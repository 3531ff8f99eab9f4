package meter

import (
	"cmp"
	"math"
	"math/big"
	"math/bits"

	"github.com/shopspring/decimal"
)

// Total is the energy that has gone through a meter: what its dial shows and what the dials
// before it had counted. It is exact and may be less than zero, since a new dial may begin
// above the old one. Only totals are subtracted from each other, never registers.
type Total struct { // a number of 10^-9 kWh, in two's complement
	high, low uint64
}

// Total returns the total of a dial before which there was none.
func (k Register) Total() Total {
	high, low := k.nano()
	return Total{high, low}
}

func (t Total) plus(other Total) Total {
	low, carry := bits.Add64(t.low, other.low, 0)
	high, _ := bits.Add64(t.high, other.high, carry)
	return Total{high, low}
}

func (t Total) minus(other Total) Total {
	low, borrow := bits.Sub64(t.low, other.low, 0)
	high, _ := bits.Sub64(t.high, other.high, borrow)
	return Total{high, low}
}

// Cmp returns -1, 0 or 1 as t is less than, equal to or greater than other.
func (t Total) Cmp(other Total) int {
	if t.high != other.high {
		return cmp.Compare(int64(t.high), int64(other.high))
	}
	return cmp.Compare(t.low, other.low)
}

// Sub returns the energy between two totals, exactly.
func (t Total) Sub(earlier Total) Energy {
	used := t.minus(earlier)
	if used.high == 0 && used.low <= math.MaxInt64 {
		return Energy{decimal.New(int64(used.low), -RegisterDecimalsMax)}
	}
	nano := new(big.Int).Lsh(big.NewInt(int64(used.high)), 64)
	nano.Add(nano, new(big.Int).SetUint64(used.low))
	return Energy{decimal.NewFromBigInt(nano, -RegisterDecimalsMax)}
}

// Decimal returns t as an arbitrary-precision decimal, in kWh.
func (t Total) Decimal() decimal.Decimal { return t.Sub(Total{}).Decimal }
