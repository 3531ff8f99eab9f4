package meter

import (
	"cmp"
	"errors"
	"math/bits"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// The limits of a reading, as written.
const (
	RegisterDecimalsMax = 9  // digits after the point
	RegisterDigitsMax   = 18 // digits in all, leading zeros not counted
)

// Register is a register value in kilowatt-hours: an exact decimal, never negative,
// with at most 9 digits after the point and 18 in all, trailing zeros after the point not
// counted. The zero value is 0 kWh.
// It is always kept in its shortest form, so equal values compare equal with ==.
type Register struct {
	word uint64 // the digits, without the point, and in the lowest bits how many of them stand after it
}

// scaleBits is how many bits RegisterDecimalsMax takes. The digits take 60.
const scaleBits = 4

// register is coefficient × 10^-scale kWh, within the limits of a reading.
func register(coefficient int64, scale uint8) Register {
	return Register{uint64(coefficient)<<scaleBits | uint64(scale)}
}

func (k Register) coefficient() int64 { return int64(k.word >> scaleBits) }

func (k Register) scale() uint8 { return uint8(k.word & (1<<scaleBits - 1)) }

// Why a text is not a register value.
var (
	errNotDecimal      = errors.New("must be a decimal number such as 1234.567")
	errNegative        = errors.New("must not be negative")
	errTooManyDecimals = errors.New("has more than 9 digits after the point")
	errTooManyDigits   = errors.New("has more than 18 digits")
)

// powersOfTen holds 10^0 to 10^18: all that fit into an int64.
var powersOfTen = func() (p [RegisterDigitsMax + 1]int64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// ParseRegister reads digits with an optional point and, because Python writes
// 0.00001 as 1e-05, an optional exponent: whatever is exact within the limits of a reading,
// however it is written. A blank in the exponent is the plus sign that a query string turns
// into one. Of a minus sign only that of a zero is taken. Other signs, blanks, thousands
// separators, NaN, Infinity and other bases are refused.
func ParseRegister[T ~string | ~[]byte](s T) (Register, error) {
	var coefficient uint64 // which overflows only if there are too many digits
	end, point := 0, -1    // there is none yet
	for ; end < len(s); end++ {
		if digit := s[end] - '0'; digit <= 9 {
			coefficient = coefficient*10 + uint64(digit)
		} else if s[end] == '.' && point < 0 && end > 0 {
			point = end
		} else {
			break
		}
	}
	digits, decimals := end, 0
	if point >= 0 {
		digits, decimals = end-1, end-1-point
	}
	if end < len(s) || digits > RegisterDigitsMax || decimals > RegisterDecimalsMax || point == end-1 {
		return parseUnusual(s, end, point)
	}
	return shortest(int64(coefficient), uint8(decimals)), nil
}

// parseUnusual is ParseRegister for any text, whose mantissa ends at end and may have a point.
func parseUnusual[T ~string | ~[]byte](s T, end, point int) (Register, error) {
	switch {
	case end == 0 && len(s) > 0 && s[0] == '-':
		if len(s) > 1 && s[1] != '-' {
			if k, err := ParseRegister(s[1:]); err == nil && k == (Register{}) {
				return k, nil
			}
		}
		return Register{}, errNegative
	case point == end-1: // no digits, or none after the point
		return Register{}, errNotDecimal
	}
	exponent := 0
	if end < len(s) {
		var err error
		if exponent, err = parseExponent(s[end:]); err != nil {
			return Register{}, err
		}
	}
	coefficient, zeros, ok := significant(s[:end])
	if !ok {
		return Register{}, errTooManyDigits
	}
	if point >= 0 {
		exponent -= end - 1 - point
	}
	return newRegister(coefficient, -exponent-zeros)
}

// significant returns the digits of a mantissa without the zeros at its ends, and how many
// zeros follow them. ok is false if there are more than RegisterDigitsMax.
func significant[T ~string | ~[]byte](mantissa T) (coefficient int64, zeros int, ok bool) {
	digits := 0
	for i := range len(mantissa) {
		switch digit := mantissa[i]; {
		case digit == '.':
		case digit == '0':
			zeros++
		case coefficient == 0:
			coefficient, zeros, digits = int64(digit-'0'), 0, 1
		default:
			if digits += zeros + 1; digits > RegisterDigitsMax {
				return 0, 0, false
			}
			coefficient, zeros = coefficient*powersOfTen[zeros+1]+int64(digit-'0'), 0
		}
	}
	return coefficient, zeros, true
}

// exponentMax is far more than any text has digits.
const exponentMax = 1 << 30

// parseExponent reads e and a number with an optional sign. One beyond exponentMax is
// returned as that, which no reading has either.
func parseExponent[T ~string | ~[]byte](s T) (int, error) {
	if s[0] != 'e' && s[0] != 'E' {
		return 0, errNotDecimal
	}
	digits := string(s[1:])
	if rest, ok := strings.CutPrefix(digits, " "); ok {
		digits = "+" + rest
	}
	exponent, err := strconv.Atoi(digits)
	// What is out of range may be followed by anything.
	if errors.Is(err, strconv.ErrSyntax) || strings.Trim(strings.TrimLeft(digits, "+-"), "0123456789") != "" {
		return 0, errNotDecimal
	}
	return max(-exponentMax, min(exponent, exponentMax)), nil
}

// newRegister is coefficient × 10^-scale kWh. The coefficient has no zeros at its end.
func newRegister(coefficient int64, scale int) (Register, error) {
	switch {
	case coefficient == 0:
		return Register{}, nil
	case scale > RegisterDecimalsMax:
		return Register{}, errTooManyDecimals
	case scale <= -RegisterDigitsMax || scale < 0 && coefficient >= powersOfTen[RegisterDigitsMax+scale]:
		return Register{}, errTooManyDigits
	case scale < 0:
		return register(coefficient*powersOfTen[-scale], 0), nil
	}
	return register(coefficient, uint8(scale)), nil
}

// RegisterFromParts is coefficient × 10^-scale kWh: the inverse of Parts. It reports
// whether that lies within the limits of a reading.
func RegisterFromParts(coefficient int64, scale uint8) (Register, bool) {
	if coefficient < 0 || coefficient >= powersOfTen[RegisterDigitsMax] || scale > RegisterDecimalsMax {
		return Register{}, false
	}
	return shortest(coefficient, scale), true
}

// shortest returns a register without zeros at the end of its decimals.
func shortest(coefficient int64, scale uint8) Register {
	if coefficient == 0 {
		return Register{}
	}
	for scale > 0 && coefficient%10 == 0 {
		coefficient /= 10
		scale--
	}
	return register(coefficient, scale)
}

// Parts returns the digits of k and how many of them stand after the point.
func (k Register) Parts() (coefficient int64, scale uint8) { return k.coefficient(), k.scale() }

// AtScale returns the digits of k written with the given number of decimals
// (0 to 9), and whether that is exact and has at most 18 digits.
func (k Register) AtScale(scale uint8) (int64, bool) {
	coefficient, own := k.Parts()
	if scale < own || scale > RegisterDecimalsMax {
		return 0, false
	}
	more := scale - own
	if coefficient >= powersOfTen[RegisterDigitsMax-more] {
		return 0, coefficient == 0
	}
	return coefficient * powersOfTen[more], true
}

// Cmp returns -1, 0 or 1 as k is less than, equal to or greater than other.
func (k Register) Cmp(other Register) int {
	if k.scale() == other.scale() {
		return cmp.Compare(k.word, other.word)
	}
	high, low := k.nano()
	otherHigh, otherLow := other.nano()
	if high != otherHigh {
		return cmp.Compare(high, otherHigh)
	}
	return cmp.Compare(low, otherLow)
}

// nano returns k in units of 10^-9 kWh as a 128-bit number, into which every
// reading fits.
func (k Register) nano() (high, low uint64) {
	return bits.Mul64(uint64(k.coefficient()), uint64(powersOfTen[RegisterDecimalsMax-k.scale()]))
}

// plus returns the register that so much more energy makes, or the highest that there is.
func (k Register) plus(more Register) Register {
	sum, err := ParseRegister(k.Decimal().Add(more.Decimal()).String())
	if err != nil {
		return register(powersOfTen[RegisterDigitsMax]-1, 0)
	}
	return sum
}

// Decimal returns k as an arbitrary-precision decimal, in kWh.
func (k Register) Decimal() decimal.Decimal {
	return decimal.New(k.coefficient(), -int32(k.scale()))
}

// MarshalJSON writes k as a JSON number with exactly its digits.
func (k Register) MarshalJSON() ([]byte, error) { return k.Append(nil), nil }

// UnmarshalJSON reads a JSON number that is a register value.
func (k *Register) UnmarshalJSON(b []byte) error {
	parsed, err := ParseRegister(b)
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
