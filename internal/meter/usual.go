package meter

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// usualLineMax is more than a usual line has, so that eight bytes from any place in it can be loaded
// at once. What is shorter is no usual line.
const usualLineMax = 128

// usualLine reads the line at the beginning of a text as Row does, if it looks as most do: an id, a
// timestamp of a remembered day, at most eight digits, or a point between as many, and an end of
// line. It returns the length of the line, and 0 for any other.
func (p *RowParser) usualLine(row *Row, text []byte) (length int) {
	if len(text) < usualLineMax {
		return 0
	}
	id := bytes.IndexByte(text[:IDLengthMax+1], ',')
	if id < 0 || !isID(text[:id]) {
		return 0
	}
	stamp := text[id+1:]
	slot, ok := p.calendar.remembered(stamp[:stampBytes])
	if !ok || stamp[stampBytes] != ',' {
		return 0
	}
	reading := stamp[stampBytes+1:]
	register, digits := usualRegister(reading)
	if digits == 0 {
		return 0
	}
	*row = Row{Meter: text[:id], Slot: slot, Register: register}
	before := id + 1 + stampBytes + 1 + digits
	switch end := reading[digits:]; {
	case end[0] == '\n':
		return before + 1
	case end[0] == '\r' && end[1] == '\n':
		return before + 2
	}
	return 0
}

// usualRegister reads the register at the beginning of a text, and returns how many bytes it has; 0
// if it is not a usual one.
func usualRegister(text []byte) (k Register, length int) {
	whole, length := leadingDigits(binary.LittleEndian.Uint64(text))
	if length == 0 || text[length] != '.' {
		return register(whole, 0), length
	}
	fraction, decimals := leadingDigits(binary.LittleEndian.Uint64(text[length+1:]))
	if decimals == 0 {
		return Register{}, 0
	}
	return shortest(whole*powersOfTen[decimals]+fraction, uint8(decimals)), length + 1 + decimals
}

// leadingDigits returns the number that the digits at the beginning of eight bytes are, and how many
// they are. The first byte is the lowest of the word. All digits are worked on at once: neighbours
// are made numbers below 100, those numbers below 10,000, and those one.
func leadingDigits(word uint64) (n int64, digits int) {
	const ones = 0x0101010101010101
	word ^= ones * '0' // a digit is 0 to 9 now
	above := (word&(ones*0x7f) + ones*(0x80-10) | word) & (ones * 0x80)
	digits = bits.TrailingZeros64(above) / 8
	word <<= (64 - 8*uint(digits)) % 64 // zeros before the digits
	if digits == 0 {
		return 0, 0
	}
	word = word*10 + word>>8
	word = (word&0x00ff00ff00ff00ff)*100 + (word>>16)&0x00ff00ff00ff00ff
	word = (word&0x0000ffff0000ffff)*10_000 + (word>>32)&0x0000ffff0000ffff
	return int64(word & 0xffffffff), digits
}
