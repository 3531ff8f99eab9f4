package store

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"meterledger/internal/meter"
)

// A run is many readings that lie near each other, as a bulk sender's do: each is
// written as its distance from the least meter, slot and coefficient of the run,
// in as few bytes as the largest distance needs. Numbers are in big-endian order
// but for the distances, which are in little-endian order.
//
//	run  09 | n uint16 | meter uint32 | slot uint32 | coefficient uint64 | scale uint8 | widths 3 × uint8 | n × distances
//
//	distances: meter, slot, coefficient, one behind the other, of as many bytes as widths say
//
// All coefficients are at the same scale. A household's reading takes 6 or 7 bytes
// and not the 18 of an entry of its own.
type run struct {
	n           int
	meter       Index
	slot        meter.Slot
	coefficient int64
	scale       uint8
	widths      [3]uint8 // of the distances of meter, slot and coefficient, in bytes
}

const (
	runHeaderBytes = 1 + 2 + 4 + 4 + 8 + 1 + 3
	runReadingsMin = 8 // below, entries of their own are no longer
	runReadingsMax = 1<<16 - 1
)

// runOf measures readings. It reports false where a coefficient has too many
// digits for the scale of another.
func runOf(readings []Reading) (r run, ok bool) {
	if len(readings) < runReadingsMin || len(readings) > runReadingsMax {
		return r, false
	}
	for i := range readings {
		_, scale := readings[i].Register.Parts()
		r.scale = max(r.scale, scale)
	}
	r.n = len(readings)
	r.meter, r.slot = readings[0].Meter, readings[0].Slot
	r.coefficient, _ = readings[0].Register.AtScale(r.scale)
	meterMax, slotMax, coefficientMax := r.meter, r.slot, r.coefficient
	for i := range readings {
		at := &readings[i]
		coefficient, ok := at.Register.AtScale(r.scale)
		if !ok {
			return r, false
		}
		r.meter, meterMax = min(r.meter, at.Meter), max(meterMax, at.Meter)
		r.slot, slotMax = min(r.slot, at.Slot), max(slotMax, at.Slot)
		r.coefficient, coefficientMax = min(r.coefficient, coefficient), max(coefficientMax, coefficient)
	}
	r.widths = [3]uint8{
		widthOf(uint64(meterMax - r.meter)), widthOf(uint64(slotMax - r.slot)), widthOf(uint64(coefficientMax - r.coefficient)),
	}
	return r, true
}

// widthOf returns how many bytes a number needs, 0 for 0.
func widthOf(n uint64) uint8 { return uint8((bits.Len64(n) + 7) / 8) }

func (r run) stride() int { return int(r.widths[0]) + int(r.widths[1]) + int(r.widths[2]) }

func (r run) append(b []byte, readings []Reading) []byte {
	b = append(b, byte(kindRun))
	b = binary.BigEndian.AppendUint16(b, uint16(r.n))
	b = binary.BigEndian.AppendUint32(b, uint32(r.meter))
	b = binary.BigEndian.AppendUint32(b, uint32(r.slot))
	b = binary.BigEndian.AppendUint64(b, uint64(r.coefficient))
	b = append(append(b, r.scale), r.widths[:]...)
	for i := range readings {
		coefficient, _ := readings[i].Register.AtScale(r.scale)
		b = appendDistance(b, uint64(readings[i].Meter-r.meter), r.widths[0])
		b = appendDistance(b, uint64(readings[i].Slot-r.slot), r.widths[1])
		b = appendDistance(b, uint64(coefficient-r.coefficient), r.widths[2])
	}
	return b
}

func appendDistance(b []byte, n uint64, width uint8) []byte {
	return binary.LittleEndian.AppendUint64(b, n)[:len(b)+int(width)]
}

// decodeRun reads a run up to its distances, and returns those too.
func (d *decoder) decodeRun() (r run, distances []byte) {
	r.n, r.meter, r.slot = int(d.uint16()), Index(d.uint32()), meter.Slot(d.uint32())
	r.coefficient, r.scale, r.widths = int64(d.uint64()), d.uint8(), [3]uint8(d.take(3))
	if r.n == 0 || r.widths[0] > 4 || r.widths[1] > 4 || r.widths[2] > 8 {
		d.fail(fmt.Errorf("run of %d readings has distances of %v bytes", r.n, r.widths))
	}
	if d.err != nil {
		return r, nil
	}
	return r, d.take(r.n * r.stride())
}

// decode reads the readings at the beginning of distances, as many as readings has.
func (r run) decode(readings []Reading, distances []byte) error {
	m, s, c := r.widths[0], r.widths[1], r.widths[2]
	for i := range readings {
		at := &readings[i]
		at.Meter = r.meter + Index(distance(distances, m))
		at.Slot = r.slot + meter.Slot(distance(distances[m:], s))
		coefficient := r.coefficient + int64(distance(distances[m+s:], c))
		var ok bool
		if at.Register, ok = meter.KWhFromParts(coefficient, r.scale); !ok {
			return fmt.Errorf("register %d × 10^-%d is outside the limits", coefficient, r.scale)
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
