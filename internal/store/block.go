package store

import (
	"math"
	"math/bits"

	"meterledger/internal/meter"
)

// block is one meter's day: 48 registers in 112 bytes, 2.33 a reading.
//
//	+-------------------------------------+---------+------------------+
//	| 48-bit presence | scale 8 | form 8  | base    | 48 offsets       |
//	| mask            |         |         | 64 bits | 16 bits each     |
//	+-------------------------------------+---------+------------------+
//	0                                     8         16               112
//
// In the narrow form a register is (base + offset) × 10^-scale kWh. That holds a
// home's day at a resolution of 1 Wh up to 65 kWh. A day that does not fit moves
// to the wide form without losing a digit: base is then the place of a wide
// block in the chunk, and of the rest only the mask is used.
type block struct {
	head    uint64
	base    int64
	offsets [meter.SlotsPerDay]uint16
}

// wideBlock holds 48 registers of any size and scale: 432 bytes.
type wideBlock struct {
	coefficients [meter.SlotsPerDay]int64
	scales       [meter.SlotsPerDay]uint8
}

const (
	maskBits   = 1<<meter.SlotsPerDay - 1
	scaleShift = 48
	wideFlag   = 1 << 56
)

func (b *block) mask() uint64      { return b.head & maskBits }
func (b *block) has(slot int) bool { return b.head>>slot&1 != 0 }
func (b *block) scale() uint8      { return uint8(b.head >> scaleShift) }
func (b *block) isWide() bool      { return b.head&wideFlag != 0 }
func (b *block) setScale(scale uint8) {
	b.head = b.head&^(0xff<<scaleShift) | uint64(scale)<<scaleShift
}

// slots yields the slots that have a register, in order.
func (b *block) slots(yield func(slot int) bool) {
	for rest := b.mask(); rest != 0; rest &= rest - 1 {
		if !yield(bits.TrailingZeros64(rest)) {
			return
		}
	}
}

const outsideLimits = "BUG: a block holds a register outside the limits"

// narrow returns a register of a narrow block.
func (b *block) narrow(slot int) meter.Register {
	register, ok := meter.RegisterFromParts(b.base+int64(b.offsets[slot]), b.scale())
	if !ok {
		panic(outsideLimits)
	}
	return register
}

// appendNarrow adds the wanted registers of a narrow block to points. It repeats narrow
// because calls of it would be a quarter of the time that reading a meter's month takes.
func (b *block) appendNarrow(points []meter.Point, first meter.Slot, wanted uint64) []meter.Point {
	base, scale := b.base, b.scale()
	for ; wanted != 0; wanted &= wanted - 1 { // which drops the lowest bit
		place := bits.TrailingZeros64(wanted) % meter.SlotsPerDay
		register, ok := meter.RegisterFromParts(base+int64(b.offsets[place]), scale)
		if !ok {
			panic(outsideLimits)
		}
		points = append(points, meter.Point{Slot: first + meter.Slot(place), Register: register})
	}
	return points
}

// setNarrow puts a register into a narrow block, and reports false if it does
// not fit. The other registers keep their values either way.
func (b *block) setNarrow(slot int, register meter.Register) bool {
	_, scale := register.Parts()
	if b.mask() == 0 {
		b.base, _ = register.Parts()
		b.setScale(scale)
	}
	if scale > b.scale() && !b.rescale(scale) {
		return false
	}
	value, ok := register.AtScale(b.scale())
	if !ok {
		return false
	}
	if value < b.base && !b.rebase(value) {
		return false
	}
	if value-b.base > math.MaxUint16 {
		return false
	}
	b.offsets[slot] = uint16(value - b.base)
	b.head |= 1 << slot
	return true
}

// rescale writes all registers with more decimals, if they still fit.
func (b *block) rescale(scale uint8) bool {
	base, ok := b.atScale(b.base, scale)
	if !ok {
		return false
	}
	var scaled [meter.SlotsPerDay]uint16
	for slot := range b.slots {
		value, ok := b.atScale(b.base+int64(b.offsets[slot]), scale)
		if !ok || value-base > math.MaxUint16 {
			return false
		}
		scaled[slot] = uint16(value - base)
	}
	b.base, b.offsets = base, scaled
	b.setScale(scale)
	return true
}

// atScale converts digits at the block's scale to digits at a finer one.
func (b *block) atScale(value int64, scale uint8) (int64, bool) {
	register, ok := meter.RegisterFromParts(value, b.scale())
	if !ok {
		return 0, false
	}
	return register.AtScale(scale)
}

// rebase lowers the base, if the offsets still fit.
func (b *block) rebase(base int64) bool {
	rise := b.base - base
	for slot := range b.slots {
		if int64(b.offsets[slot])+rise > math.MaxUint16 {
			return false
		}
	}
	for slot := range b.slots {
		b.offsets[slot] += uint16(rise)
	}
	b.base = base
	return true
}

// spread writes the registers of a narrow block into a wide one.
func (b *block) spread(w *wideBlock) {
	for slot := range b.slots {
		w.set(slot, b.narrow(slot))
	}
}

func (w *wideBlock) get(slot int) meter.Register {
	register, ok := meter.RegisterFromParts(w.coefficients[slot], w.scales[slot])
	if !ok {
		panic("BUG: a wide block holds a register outside the limits")
	}
	return register
}

func (w *wideBlock) set(slot int, register meter.Register) {
	w.coefficients[slot], w.scales[slot] = register.Parts()
}
