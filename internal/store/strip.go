package store

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"meterledger/internal/meter"
)

// strip is days of one meter within a tile, in order of time, each a block without the
// places that are not taken:
//
//	day uint8 | head uint64 | base uint64 | n × offset uint16            in the narrow form
//	day uint8 | head uint64 | n × coefficient uint64 | n × scale uint8   in the wide form
//
// n is the number of registers, by the mask in head. A day of one reading takes 19
// bytes, a whole one 113. Days are counted from the first of the tile.
type strip []byte

const (
	stripHead     = 1 + 8
	stripDayBytes = stripHead + 9*meter.SlotsPerDay // at the most
)

func (s strip) head() uint64 { return binary.BigEndian.Uint64(s[1:]) }

func (s strip) mask() uint64 { return s.head() & maskBits }

// size returns how many bytes the first day takes.
func (s strip) size() int {
	n := bits.OnesCount64(s.mask())
	if s.head()&wideFlag != 0 {
		return stripHead + 9*n
	}
	return stripHead + 8 + 2*n
}

// days returns the days as bits.
func (s strip) days() (days uint32) {
	for ; len(s) > 0; s = s[s.size():] {
		days |= 1 << s[0]
	}
	return days
}

// find returns where a day stands, or would.
func (s strip) find(day uint32) (at int, found bool) {
	for at < len(s) && uint32(s[at]) < day {
		at += s[at:].size()
	}
	return at, at < len(s) && uint32(s[at]) == day
}

// get returns a register of the first day, which must be taken.
func (s strip) get(place int) meter.Register {
	register, ok := s.register(place)
	if !ok {
		panic(outsideLimits)
	}
	return register
}

func (s strip) register(place int) (meter.Register, bool) {
	head := s.head()
	rank := bits.OnesCount64(head & (1<<place - 1))
	coefficient, scale := int64(binary.BigEndian.Uint64(s[stripHead:])), uint8(head>>scaleShift)
	if head&wideFlag != 0 {
		n := bits.OnesCount64(head & maskBits)
		coefficient, scale = int64(binary.BigEndian.Uint64(s[stripHead+8*rank:])), s[stripHead+8*n+rank]
	} else {
		coefficient += int64(binary.BigEndian.Uint16(s[stripHead+8+2*rank:]))
	}
	return meter.RegisterFromParts(coefficient, scale)
}

// setRun records registers of a day, and reports whether they are its first. The slots must
// not be taken.
func (s strip) setRun(day uint32, run []Reading) (longer strip, fresh bool) {
	at, found := s.find(day)
	var d looseDay
	size := 0
	if found {
		size = s[at:].size()
		s[at:].unpack(&d)
	}
	start := slotOf(pageOf(run[0].Slot), 0)
	for k := range run {
		d.set(int(run[k].Slot-start), run[k].Register)
	}
	var buffer [stripDayBytes]byte
	return slices.Replace(s, at, at+size, d.append(buffer[:0], day)...), !found
}

// looseDay is a meter's day that stands in no chunk.
type looseDay struct {
	block

	wide wideBlock // in the wide form
}

func (d *looseDay) set(place int, register meter.Register) {
	if !d.isWide() && !d.setNarrow(place, register) {
		d.spread(&d.wide)
		d.head |= wideFlag
	}
	if d.isWide() {
		d.wide.set(place, register)
		d.head |= 1 << place
	}
}

// unpack reads the first day.
func (s strip) unpack(d *looseDay) {
	d.head = s.head()
	rest := s[stripHead:]
	if !d.isWide() {
		d.base = int64(binary.BigEndian.Uint64(rest))
		rest = rest[8:]
		for place := range d.slots {
			d.offsets[place] = binary.BigEndian.Uint16(rest)
			rest = rest[2:]
		}
		return
	}
	n := bits.OnesCount64(d.mask())
	scales := rest[8*n:]
	for place := range d.slots {
		d.wide.coefficients[place], d.wide.scales[place] = int64(binary.BigEndian.Uint64(rest)), scales[0]
		rest, scales = rest[8:], scales[1:]
	}
}

// append adds a day to a strip.
func (d *looseDay) append(s strip, day uint32) strip {
	s = binary.BigEndian.AppendUint64(append(s, uint8(day)), d.head)
	if !d.isWide() {
		s = binary.BigEndian.AppendUint64(s, uint64(d.base))
		for place := range d.slots {
			s = binary.BigEndian.AppendUint16(s, d.offsets[place])
		}
		return s
	}
	for place := range d.slots {
		s = binary.BigEndian.AppendUint64(s, uint64(d.wide.coefficients[place]))
	}
	for place := range d.slots {
		s = append(s, d.wide.scales[place])
	}
	return s
}
