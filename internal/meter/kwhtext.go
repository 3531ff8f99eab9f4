package meter

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

func (k KWh) String() string { return string(k.Append(nil)) }

// Append writes k in plain decimal notation, without trailing zeros.
func (k KWh) Append(b []byte) []byte {
	if milli, few := k.milli(); few {
		return appendMilli(b, milli)
	}
	var text [KWhDigitsMax + 2]byte // filled from the back; beside the digits a point, and a zero before it
	at, rest := len(text), uint64(k.coefficient)
	for range k.scale {
		at--
		text[at], rest = byte('0'+rest%10), rest/10
	}
	if k.scale > 0 {
		at--
		text[at] = '.'
	}
	for ; rest >= 10; rest /= 10 {
		at--
		text[at] = byte('0' + rest%10)
	}
	at--
	text[at] = byte('0' + rest)
	return append(b, text[at:]...)
}

// AppendSub writes the energy between two registers, as Energy does.
func (k KWh) AppendSub(b []byte, earlier KWh) []byte {
	to, few := k.milli()
	from, alsoFew := earlier.milli()
	if few && alsoFew && to >= from {
		return appendMilli(b, to-from)
	}
	return append(b, k.Sub(earlier).String()...)
}

// milliMax is one more than the most thousandths that are written three digits at a time.
const milliMax = 1_000_000_000

// milli returns k in thousandths, and false where that is not exact or they are too
// many. Nearly all registers are such: a meter shows watt hours, and starts again before
// it comes to a million kWh.
func (k KWh) milli() (uint64, bool) {
	if k.scale > 3 || k.coefficient >= milliMax {
		return 0, false
	}
	milli := uint64(k.coefficient) * uint64(powersOfTen[3-k.scale])
	return milli, milli < milliMax
}

// appendMilli writes thousandths without trailing zeros. Each of the two parts is made
// in a register of the processor and stored at once.
func appendMilli(b []byte, milli uint64) []byte {
	const zeros = 0x303030303030
	whole, fraction := milli/1000, milli%1000
	digits := uint64(triplets[whole/1000]) | uint64(triplets[whole%1000])<<24 // the first one lowest
	leading := min(bits.TrailingZeros64(digits^zeros)/8, 5)
	at := len(b)
	b = slices.Grow(b, 16)[:at+16]
	binary.LittleEndian.PutUint64(b[at:], digits>>(8*leading))
	at += 6 - leading
	if fraction == 0 {
		return b[:at]
	}
	text := triplets[fraction]
	binary.LittleEndian.PutUint32(b[at:], '.'|text<<8)
	return b[:at+4-bits.LeadingZeros32((text^0x303030)<<8)/8]
}

// triplets are the numbers from 000 to 999 as text, the first digit lowest.
var triplets = func() (texts [1000]uint32) {
	for i := range uint32(1000) {
		texts[i] = '0' + i/100 | ('0'+i/10%10)<<8 | ('0'+i%10)<<16
	}
	return texts
}()
