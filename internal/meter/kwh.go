package meter

import (
	"errors"
	"math/bits"

	"github.com/shopspring/decimal"
)

// The limits of a reading, as written.
const (
	KWhDecimalsMax = 9  // digits after the point
	KWhDigitsMax   = 18 // digits in all, leading zeros not counted
)

// KWh is a register value in kilowatt-hours: an exact decimal, never negative,
// with at most 9 digits after the point and 18 in all. The zero value is 0 kWh.
// It is always kept in its shortest form, so equal values compare equal with ==.
type KWh struct {
	coefficient int64 // the digits, without the point
	scale       uint8 // how many of them stand after the point
}

// Why a text is not a register value.
var (
	errNotDecimal      = errors.New("must be a decimal number such as 1234.567")
	errNegative        = errors.New("must not be negative")
	errTooManyDecimals = errors.New("has more than 9 digits after the point")
	errTooManyDigits   = errors.New("has more than 18 digits")
)

// powersOfTen holds 10^0 to 10^18: all that fit into an int64.
var powersOfTen = func() (p [KWhDigitsMax + 1]int64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// ParseKWh reads digits with an optional point and, because Python writes
// 0.00001 as 1e-05, an optional exponent. Signs, blanks, thousands separators,
// NaN, Infinity and other bases are refused.
func ParseKWh[T ~string | ~[]byte](s T) (KWh, error) {
	var (
		coefficient         int64
		digits, significant int
		decimals            = -1 // below zero until the point is seen
		i                   int
	)
scan:
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			digits++
			if significant > 0 || c != '0' {
				significant++
			}
			if significant > KWhDigitsMax {
				return KWh{}, errTooManyDigits
			}
			coefficient = coefficient*10 + int64(c-'0')
			if decimals >= 0 {
				decimals++
			}
		case c == '.' && decimals < 0 && digits > 0:
			decimals = 0
		case c == '-' && i == 0:
			return KWh{}, errNegative
		default:
			break scan
		}
	}
	if digits == 0 || decimals == 0 {
		return KWh{}, errNotDecimal
	}
	exponent, err := parseExponent(s[i:])
	if err != nil {
		return KWh{}, err
	}
	return newKWh(coefficient, significant, max(decimals, 0)-exponent)
}

// parsePlainKWh reads digits with an optional point, as nearly all readings are
// written, in half the time that ParseKWh takes. It reports false for anything else.
func parsePlainKWh(s []byte) (KWh, bool) {
	point := len(s) - 1 // where there is none, no digit stands after it
	var coefficient uint64
	for i, c := range s {
		if digit := c - '0'; digit <= 9 {
			coefficient = coefficient*10 + uint64(digit)
			continue
		}
		if c != '.' || i == 0 || point != len(s)-1 || i == len(s)-1 {
			return KWh{}, false
		}
		point = i
	}
	decimals := len(s) - 1 - point
	if digits := len(s) - min(decimals, 1); digits == 0 || digits > KWhDigitsMax || decimals > KWhDecimalsMax {
		return KWh{}, false
	}
	return KWh{int64(coefficient), uint8(decimals)}.shortest(), true
}

// parseExponent reads what may follow the digits: nothing, or e and at most
// two digits with an optional sign. More could not fit into a reading anyway.
func parseExponent[T ~string | ~[]byte](s T) (int, error) {
	if len(s) == 0 {
		return 0, nil
	}
	if s[0] != 'e' && s[0] != 'E' {
		return 0, errNotDecimal
	}
	s = s[1:]
	negative := false
	if len(s) > 0 && (s[0] == '+' || s[0] == '-') {
		negative, s = s[0] == '-', s[1:]
	}
	if len(s) == 0 {
		return 0, errNotDecimal
	}
	exponent := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, errNotDecimal
		}
		exponent = min(exponent*10+int(s[i]-'0'), 100)
	}
	if negative {
		exponent = -exponent
	}
	return exponent, nil
}

func newKWh(coefficient int64, significant, scale int) (KWh, error) {
	switch {
	case scale > KWhDecimalsMax:
		return KWh{}, errTooManyDecimals
	case coefficient == 0:
		return KWh{}, nil
	case scale < 0 && significant-scale > KWhDigitsMax:
		return KWh{}, errTooManyDigits
	case scale < 0:
		return KWh{coefficient: coefficient * powersOfTen[-scale]}, nil
	}
	return KWh{coefficient, uint8(scale)}.shortest(), nil
}

// KWhFromParts is coefficient × 10^-scale kWh: the inverse of Parts. It reports
// whether that lies within the limits of a reading.
func KWhFromParts(coefficient int64, scale uint8) (KWh, bool) {
	if coefficient < 0 || coefficient >= powersOfTen[KWhDigitsMax] || scale > KWhDecimalsMax {
		return KWh{}, false
	}
	return KWh{coefficient, scale}.shortest(), true
}

func (k KWh) shortest() KWh {
	if k.coefficient == 0 {
		return KWh{}
	}
	for k.scale > 0 && k.coefficient%10 == 0 {
		k.coefficient /= 10
		k.scale--
	}
	return k
}

// Parts returns the digits of k and how many of them stand after the point.
func (k KWh) Parts() (coefficient int64, scale uint8) { return k.coefficient, k.scale }

// AtScale returns the digits of k written with the given number of decimals
// (0 to 9), and whether that is exact and has at most 18 digits.
func (k KWh) AtScale(scale uint8) (int64, bool) {
	if scale < k.scale || scale > KWhDecimalsMax {
		return 0, false
	}
	more := scale - k.scale
	if k.coefficient >= powersOfTen[KWhDigitsMax-more] {
		return 0, k.coefficient == 0
	}
	return k.coefficient * powersOfTen[more], true
}

// Cmp returns -1, 0 or 1 as k is less than, equal to or greater than other.
func (k KWh) Cmp(other KWh) int {
	if k.scale == other.scale {
		return cmp(uint64(k.coefficient), uint64(other.coefficient))
	}
	aHigh, aLow := k.nano()
	bHigh, bLow := other.nano()
	switch {
	case aHigh != bHigh:
		return cmp(aHigh, bHigh)
	default:
		return cmp(aLow, bLow)
	}
}

// nano returns k in units of 10^-9 kWh as a 128-bit number, into which every
// reading fits.
func (k KWh) nano() (high, low uint64) {
	return bits.Mul64(uint64(k.coefficient), uint64(powersOfTen[KWhDecimalsMax-k.scale]))
}

func cmp(a, b uint64) int {
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}

// Sub returns the energy between two registers, exactly.
func (k KWh) Sub(earlier KWh) Energy {
	return Energy{k.Decimal().Sub(earlier.Decimal())}
}

// Decimal returns k as an arbitrary-precision decimal, in kWh.
func (k KWh) Decimal() decimal.Decimal {
	return decimal.New(k.coefficient, -int32(k.scale))
}

// MarshalJSON writes k as a JSON number with exactly its digits.
func (k KWh) MarshalJSON() ([]byte, error) { return k.Append(nil), nil }

// UnmarshalJSON reads a JSON number that is a register value.
func (k *KWh) UnmarshalJSON(b []byte) error {
	parsed, err := ParseKWh(b)
	if err != nil {
		return err
	}
	*k = parsed
	return nil
}

// Energy is a difference of two registers in kWh: exact, of any size.
type Energy struct{ decimal.Decimal }

// MarshalJSON writes e as a JSON number with exactly its digits.
func (e Energy) MarshalJSON() ([]byte, error) { return []byte(e.String()), nil }
