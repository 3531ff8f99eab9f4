package meter

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// textBytes is how many bytes Put may write, whatever the length of the text.
const textBytes = 32

// Text is a short text held by value, of at most 31 bytes. The bytes lie in four words, the
// first one lowest, with the length in the highest byte of the last word: to make, keep or
// write a Text takes a few moves and no call.
type Text struct{ first, second, third, last uint64 }

// lengthShift is the position of the length in the last word, in bits.
const lengthShift = 56

// NewText returns s, which has at most 31 bytes, as a Text.
func NewText[T ~string | ~[]byte](s T) Text {
	var padded [textBytes]byte
	padded[textBytes-1] = byte(len(s))
	if copy(padded[:textBytes-1], s) < len(s) {
		panic("BUG: a text is too long: " + string(s))
	}
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(padded[8*i:]) }
	return Text{word(0), word(1), word(2), word(3)}
}

// Put writes the text at the beginning of b and returns its length. b must have at least
// 32 bytes; Put may overwrite them all.
func (t Text) Put(b []byte) int {
	_ = b[textBytes-1]
	binary.LittleEndian.PutUint64(b[0:], t.first)
	binary.LittleEndian.PutUint64(b[8:], t.second)
	binary.LittleEndian.PutUint64(b[16:], t.third)
	if t.last>>lengthShift > 24 { // which costs less than to write it
		binary.LittleEndian.PutUint64(b[24:], t.last)
	}
	return int(t.last >> lengthShift)
}

// append adds the text to b.
func (t Text) append(b []byte) []byte {
	end := len(b)
	b = slices.Grow(b, textBytes)
	return b[:end+t.Put(b[end:end+textBytes])]
}

func (t Text) String() string {
	var b [textBytes]byte
	return string(b[:t.Put(b[:])])
}

func (k Register) String() string { return string(k.Append(nil)) }

// Append writes k in plain decimal notation, without trailing zeros. It may
// overwrite some of b's capacity after that.
func (k Register) Append(b []byte) []byte { return k.Text().append(b) }

// Text returns k in plain decimal notation, without trailing zeros.
func (k Register) Text() Text {
	if milli, few := k.Milli(); few {
		return MilliText(milli)
	}
	return k.longText()
}

// longText returns any k as Text does.
func (k Register) longText() Text {
	var text [RegisterDigitsMax + 2]byte // filled from the back; beside the digits a point, and a zero before it
	at, rest := len(text), uint64(k.coefficient())
	for range k.scale() {
		at--
		text[at], rest = byte('0'+rest%10), rest/10
	}
	if k.scale() > 0 {
		at--
		text[at] = '.'
	}
	for ; rest >= 10; rest /= 10 {
		at--
		text[at] = byte('0' + rest%10)
	}
	at--
	text[at] = byte('0' + rest)
	return NewText(text[at:])
}

// milliMax is the least number of thousandths that MilliText cannot write.
const milliMax = 1_000_000_000

// Milli returns k in thousandths, and false if that is not exact or too large
// for MilliText. Nearly all registers are neither: a meter shows watt hours, and starts
// again before it comes to a million kWh.
func (k Register) Milli() (uint64, bool) {
	coefficient, scale := k.Parts()
	if scale > 3 || coefficient >= milliMax {
		return 0, false
	}
	milli := uint64(coefficient) * uint64(powersOfTen[3-scale])
	return milli, milli < milliMax
}

// MilliText writes thousandths of a kWh, fewer than 1,000,000,000, as Register.Text does.
func MilliText(milli uint64) Text {
	if milli < 1000 { // as the energy of half an hour is in a home
		fraction := triplets[milli]
		return Text{first: '0' | '.'<<8 | fraction.text()<<16, last: (1 + fraction.decimals()) << lengthShift}
	}
	whole := milli / 1000
	fraction := triplets[(milli-1000*whole)%1024]
	first, rest, length := whole, triplet(0), uint64(0)
	if thousands := whole / 1000; thousands > 0 {
		first, rest, length = thousands, triplets[(whole-1000*thousands)%1024], 3
	}
	head := triplets[first%1024]
	digits := head.text()>>((24-8*head.length())%64) | rest.text()<<(8*head.length()%64) // the first one lowest
	length += head.length()
	point := '.' | fraction.text()<<8
	return Text{
		first:  digits | point<<(8*length%64),
		second: point >> ((64 - 8*length) % 64),
		last:   (length + fraction.decimals()) << lengthShift,
	}
}

// triplet is a three-digit number: its text, the first digit lowest, its length as an
// integer part, and its length as a fraction with the point.
type triplet uint32

func (t triplet) text() uint64     { return uint64(t & 0xffffff) }
func (t triplet) length() uint64   { return uint64(t >> 24 & 7) } // without leading zeros: 1 to 3
func (t triplet) decimals() uint64 { return uint64(t >> 28) }     // without trailing zeros: 0, or 2 to 4

// triplets are the numbers from 000 to 999. It has 1,024 entries, so that an index of
// ten bits needs no bounds check.
var triplets = func() (texts [1024]triplet) {
	for i := range 1000 {
		text := fmt.Sprintf("%03d", i)
		length, decimals := len(strconv.Itoa(i)), len(strings.TrimRight("."+text, ".0"))
		texts[i] = triplet(text[0]) | triplet(text[1])<<8 | triplet(text[2])<<16 | triplet(length)<<24 | triplet(decimals)<<28
	}
	return texts
}()
