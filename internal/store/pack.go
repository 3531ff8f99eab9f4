package store

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"meterledger/internal/meter"
)

// A pack is many readings that lie near each other, as a bulk sender's do: each is
// written as its distance from the least meter, slot and coefficient of the pack,
// in as few bytes as the largest distance needs. Numbers are in big-endian order,
// except the distances, which are in little-endian order.
//
//	pack  09 | n uint16 | meter uint32 | slot uint32 | coefficient uint64 | scale uint8 | widths 3 × uint8 | n × distances
//
//	distances: meter, slot, coefficient, one after the other, each of as many bytes as widths says
//
// All coefficients are at the same scale. A household's reading takes 6 or 7 bytes
// instead of the 18 of an entry of its own.
type pack struct {
	n           int
	meter       Index
	slot        meter.Slot
	coefficient int64
	scale       uint8
	widths      [3]uint8 // of the distances of meter, slot and coefficient, in bytes
}

const (
	packHeaderBytes = 1 + 2 + 4 + 4 + 8 + 1 + 3
	packReadingsMin = 8 // below, entries of their own are no longer
	packReadingsMax = 1<<16 - 1
)

// packOf measures readings. It reports false if a coefficient has too many
// digits for the scale of another.
func packOf(readings []Reading) (p pack, ok bool) {
	if len(readings) < packReadingsMin || len(readings) > packReadingsMax {
		return p, false
	}
	for i := range readings {
		_, scale := readings[i].Register.Parts()
		p.scale = max(p.scale, scale)
	}
	p.n = len(readings)
	p.meter, p.slot = readings[0].Meter, readings[0].Slot
	p.coefficient, _ = readings[0].Register.AtScale(p.scale)
	meterMax, slotMax, coefficientMax := p.meter, p.slot, p.coefficient
	for i := range readings {
		at := &readings[i]
		coefficient, ok := at.Register.AtScale(p.scale)
		if !ok {
			return p, false
		}
		p.meter, meterMax = min(p.meter, at.Meter), max(meterMax, at.Meter)
		p.slot, slotMax = min(p.slot, at.Slot), max(slotMax, at.Slot)
		p.coefficient, coefficientMax = min(p.coefficient, coefficient), max(coefficientMax, coefficient)
	}
	p.widths = [3]uint8{
		widthOf(uint64(meterMax - p.meter)), widthOf(uint64(slotMax - p.slot)), widthOf(uint64(coefficientMax - p.coefficient)),
	}
	return p, true
}

// widthOf returns how many bytes a number needs, 0 for 0.
func widthOf(n uint64) uint8 { return uint8((bits.Len64(n) + 7) / 8) }

func (p pack) stride() int { return int(p.widths[0]) + int(p.widths[1]) + int(p.widths[2]) }

func (p pack) append(b []byte, readings []Reading) []byte {
	b = append(b, byte(kindPack))
	b = binary.BigEndian.AppendUint16(b, uint16(p.n))
	b = binary.BigEndian.AppendUint32(b, uint32(p.meter))
	b = binary.BigEndian.AppendUint32(b, uint32(p.slot))
	b = binary.BigEndian.AppendUint64(b, uint64(p.coefficient))
	b = append(append(b, p.scale), p.widths[:]...)
	for i := range readings {
		coefficient, _ := readings[i].Register.AtScale(p.scale)
		b = appendDistance(b, uint64(readings[i].Meter-p.meter), p.widths[0])
		b = appendDistance(b, uint64(readings[i].Slot-p.slot), p.widths[1])
		b = appendDistance(b, uint64(coefficient-p.coefficient), p.widths[2])
	}
	return b
}

func appendDistance(b []byte, n uint64, width uint8) []byte {
	return binary.LittleEndian.AppendUint64(b, n)[:len(b)+int(width)]
}

// decodePack reads a pack up to its distances, and returns those too.
func (d *decoder) decodePack() (p pack, distances []byte) {
	p.n, p.meter, p.slot = int(d.uint16()), Index(d.uint32()), meter.Slot(d.uint32())
	p.coefficient, p.scale, p.widths = int64(d.uint64()), d.uint8(), [3]uint8(d.take(3))
	if p.n == 0 || p.widths[0] > 4 || p.widths[1] > 4 || p.widths[2] > 8 {
		d.fail(fmt.Errorf("pack of %d readings has distances of %v bytes", p.n, p.widths))
	}
	if d.err != nil {
		return p, nil
	}
	return p, d.take(p.n * p.stride())
}

// decode reads the readings at the beginning of distances, as many as readings has.
func (p pack) decode(readings []Reading, distances []byte) error {
	m, s, c := p.widths[0], p.widths[1], p.widths[2]
	for i := range readings {
		at := &readings[i]
		at.Meter = p.meter + Index(distance(distances, m))
		at.Slot = p.slot + meter.Slot(distance(distances[m:], s))
		coefficient := p.coefficient + int64(distance(distances[m+s:], c))
		var ok bool
		if at.Register, ok = meter.RegisterFromParts(coefficient, p.scale); !ok {
			return fmt.Errorf("register %d × 10^-%d is outside the limits", coefficient, p.scale)
		}
		distances = distances[m+s+c:]
	}
	return nil
}

func distance(b []byte, width uint8) (n uint64) {
	if len(b) >= 8 {
		return binary.LittleEndian.Uint64(b) & (1<<(8*width) - 1)
	}
	for i := range width {
		n |= uint64(b[i]) << (8 * i)
	}
	return n
}
