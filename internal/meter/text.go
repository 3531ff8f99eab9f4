package meter

import (
	"encoding/binary"
	"slices"
)

// textRoom is how many bytes are written for a Text, whatever its length.
const textRoom = 24

// Text is a short text held by value: its bytes stand in words, the first one lowest,
// so that to make it, to keep it and to write it are a few moves each, and no call.
type Text struct {
	first, second, third uint64
	length               int
}

// textOf returns a text of at most 24 bytes.
func textOf(s []byte) Text {
	var room [textRoom]byte
	length := copy(room[:], s)
	return Text{
		binary.LittleEndian.Uint64(room[0:]), binary.LittleEndian.Uint64(room[8:]), binary.LittleEndian.Uint64(room[16:]),
		length,
	}
}

// Put writes the text at the beginning of b and returns its length. The first 24 bytes
// of b, which it must have, may all be written to.
func (t Text) Put(b []byte) int {
	_ = b[textRoom-1]
	binary.LittleEndian.PutUint64(b[0:], t.first)
	binary.LittleEndian.PutUint64(b[8:], t.second)
	binary.LittleEndian.PutUint64(b[16:], t.third)
	return t.length
}

// append adds the text to b.
func (t Text) append(b []byte) []byte {
	end := len(b)
	b = slices.Grow(b, textRoom)
	return b[:end+t.Put(b[end:end+textRoom])]
}
