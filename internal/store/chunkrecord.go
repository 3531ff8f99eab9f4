package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"meterledger/internal/meter"
)

// encodeChunks writes for each dense day of 256 meters
//
//	chunk  11 | version 2 | day uint32 | first meter uint32 | blocks in use 4 × uint64 | blocks
//
//	block: head uint64 | base uint64 | 48 × offset uint16   or, in the wide form,
//	       head uint64 | 48 × coefficient uint64 | 48 × scale uint8
//
// In version 1 days that are not dense were written so too.
func encodeChunks(e *stateEncoder, s *state) {
	for n, l := range s.grid.lanes {
		for _, t := range l.tiles {
			for rest := t.dense; rest != 0 && e.err == nil; rest &= rest - 1 {
				day := uint32(bits.TrailingZeros32(rest))
				c := &t.chunks[day]
				e.chunk(t.firstDay()+day, Index(n*chunkMeters), c)
				e.readings += uint64(c.readings)
			}
		}
	}
}

func (e *stateEncoder) chunk(day uint32, first Index, c *chunk) {
	b := binary.BigEndian.AppendUint32(e.begin(), day)
	b = binary.BigEndian.AppendUint32(b, uint32(first))
	used := len(b)
	b = append(b, make([]byte, chunkMeters/8)...)
	for i := range c.blocks {
		block := &c.blocks[i]
		if block.mask() == 0 {
			continue
		}
		b[used+i/8] |= 0x80 >> (i % 8)
		if block.isWide() {
			b = block.appendWide(b, &c.wide[block.base])
		} else {
			b = block.append(b)
		}
	}
	e.put(b)
}

const (
	blockBytes     = 8 + 8 + 2*meter.SlotsPerDay
	wideBlockBytes = 8 + 9*meter.SlotsPerDay
)

func (b *block) append(to []byte) []byte {
	at := len(to)
	to = slices.Grow(to, blockBytes)[:at+blockBytes]
	record := (*[blockBytes]byte)(to[at:])
	binary.BigEndian.PutUint64(record[0:], b.head)
	binary.BigEndian.PutUint64(record[8:], uint64(b.base))
	for i, offset := range &b.offsets {
		binary.BigEndian.PutUint16(record[16+2*i:], offset)
	}
	return to
}

func (b *block) appendWide(to []byte, w *wideBlock) []byte {
	to = binary.BigEndian.AppendUint64(to, b.head)
	for _, coefficient := range w.coefficients {
		to = binary.BigEndian.AppendUint64(to, uint64(coefficient))
	}
	return append(to, w.scales[:]...)
}

func decodeChunk(d *StateDecoder) {
	day, first := d.uint32(), Index(d.uint32())
	used := d.take(chunkMeters / 8)
	if d.err != nil || first%chunkMeters != 0 || day > dayMax || int(first) >= len(d.s.accounts) {
		d.fail(fmt.Errorf("a chunk of meter %d on day %d", first, day))
		return
	}
	d.s.grid.change(first, day, func(t *tile) {
		switch {
		case t.has(day % tileDays):
			d.fail(fmt.Errorf("a second chunk of meter %d on day %d", first, day))
		case d.version == 1 && onesOf(used) < int(d.s.grid.denseMeters(first)):
			d.looseDays(t, day%tileDays, first, used)
		default:
			t.meetAll(used)
			c := t.thicken(day%tileDays, d.blocks(first, used), ice{})
			d.slabs = append(d.slabs, slabRecord{decoder{rest: d.rest, s: d.s}, d.records, c, first, used})
			d.rest = nil
		}
	})
}

// slabRecord is what is left of a chunk's record once its slab is made.
type slabRecord struct {
	decoder

	number uint32 // of the record
	chunk  *chunk
	first  Index
	used   []byte
}

// decodeSlabs decodes the records of slabs on all processors, and reports whether all could be. Each
// of them fills memory of its own, so nothing depends on their order; of several that fail the first counts.
func (d *StateDecoder) decodeSlabs() bool {
	var taken atomic.Int64
	var working sync.WaitGroup
	work := func() {
		for n := taken.Add(1); n <= int64(len(d.slabs)); n = taken.Add(1) {
			d.slabs[n-1].decode()
		}
	}
	for range min(runtime.GOMAXPROCS(0), len(d.slabs)) - 1 {
		working.Go(work)
	}
	work()
	working.Wait()
	for i := range d.slabs {
		slab := &d.slabs[i]
		if slab.err != nil {
			d.rest, d.err = nil, slab.err // it stands before what has failed until now
			break
		}
		d.s.readings += uint64(slab.chunk.readings)
		d.s.grid.held.dense += int64(cap(slab.chunk.wide)) * wideSize
	}
	clear(d.slabs)
	d.slabs = d.slabs[:0]
	return d.err == nil
}

func (r *slabRecord) decode() {
	r.usedBlocks(r.first, r.used, func(i Index) { r.chunk.decode(&r.chunk.blocks[i], &r.decoder) })
	if r.err == nil && len(r.rest) > 0 {
		r.fail(errTooLong(r.number, r.rest))
	}
}

// blocks returns how many blocks a chunk needs: no more than were there, if they are few of
// those that there are now.
func (d *StateDecoder) blocks(first Index, used []byte) int {
	size := d.s.grid.size(first)
	if onesOf(used) >= int(d.s.grid.denseMeters(first)) {
		return size
	}
	last := len(used) - 1
	for last > 0 && used[last] == 0 {
		last--
	}
	return min(size, 8*last+8-bits.TrailingZeros8(used[last]|0x80))
}

func onesOf(set []byte) (n int) {
	for _, b := range set {
		n += bits.OnesCount8(b)
	}
	return n
}

// usedBlocks calls decode for each block of a chunk that is in use.
func (d *decoder) usedBlocks(first Index, used []byte, decode func(Index)) {
	for i := range Index(chunkMeters) {
		if used[i/8]&(0x80>>(i%8)) == 0 {
			continue
		}
		if int(first+i) >= len(d.s.accounts) {
			d.fail(fmt.Errorf("meter %d is not registered", first+i))
			return
		}
		if decode(i); d.err != nil {
			return
		}
	}
}

// looseDays reads the blocks of a chunk into strips.
func (d *StateDecoder) looseDays(t *tile, day uint32, first Index, used []byte) {
	d.usedBlocks(first, used, func(i Index) {
		var c chunk
		var b block
		if c.decode(&b, &d.decoder); d.err != nil {
			return
		}
		loose := c.loose(&b)
		t.put(i, day, &loose, ice{})
		d.s.readings += uint64(c.readings)
	})
}

func (c *chunk) decode(b *block, d *decoder) {
	if len(d.rest) < blockBytes {
		d.fail(errShort)
		return
	}
	if b.head = binary.BigEndian.Uint64(d.rest); !b.isWide() {
		b.decode((*[blockBytes]byte)(d.take(blockBytes)))
		b.check(d)
		c.readings += uint32(bits.OnesCount64(b.mask()))
		return
	}
	d.uint64() // the head
	var w wideBlock
	w.decode(d, b)
	c.widen(b, &w)
	c.readings += uint32(bits.OnesCount64(b.mask()))
}

func (b *block) decode(record *[blockBytes]byte) {
	b.head = binary.BigEndian.Uint64(record[0:])
	b.base = int64(binary.BigEndian.Uint64(record[8:]))
	for i := range &b.offsets {
		b.offsets[i] = binary.BigEndian.Uint16(record[16+2*i:])
	}
}

// check refuses a block that the store could not have made. That no offset is too large is
// seen at once, but for registers near the limit.
func (b *block) check(d *decoder) {
	if b.mask() == 0 {
		d.fail(errors.New("a block without readings"))
		return
	}
	if _, ok := meter.RegisterFromParts(b.base+math.MaxUint16, b.scale()); ok && b.base >= 0 {
		return
	}
	for slot := range b.slots {
		if _, ok := meter.RegisterFromParts(b.base+int64(b.offsets[slot]), b.scale()); !ok || b.base < 0 {
			d.fail(fmt.Errorf("a block holds the register %d × 10^-%d, which is outside the limits", b.base, b.scale()))
			return
		}
	}
}

// decode reads the registers of a block, and refuses those that the store could not have.
func (w *wideBlock) decode(d *decoder, b *block) {
	for i := range w.coefficients {
		w.coefficients[i] = int64(d.uint64())
	}
	copy(w.scales[:], d.take(len(w.scales)))
	for slot := range b.slots {
		if _, ok := meter.RegisterFromParts(w.coefficients[slot], w.scales[slot]); !ok {
			d.fail(fmt.Errorf("a block holds the register %d × 10^-%d, which is outside the limits", w.coefficients[slot], w.scales[slot]))
			return
		}
	}
}
