package store

import (
	"math/bits"
	"slices"
	"unsafe"

	"meterledger/internal/meter"
)

// chunkMeters is how many meters share a chunk.
const chunkMeters = 256

// chunk is a dense day of 256 meters: 28 KiB, and less of the last meters, which are
// fewer. Its blocks fill one slab without pointers, so the garbage collector does not
// scan it.
type chunk struct {
	blocks   []block // by meter, for the meters of the time when it was made; nil if the day is not dense
	wide     []wideBlock
	readings uint32 // in all blocks
	age      age
}

// What blocks take, in bytes.
const (
	blockSize = int64(unsafe.Sizeof(block{}))
	wideSize  = int64(unsafe.Sizeof(wideBlock{}))
)

// bytes returns what a chunk takes, itself not counted.
func (c *chunk) bytes() int64 { return int64(cap(c.blocks))*blockSize + int64(cap(c.wide))*wideSize }

// melt copies a chunk that a frozen state shares.
func (c *chunk) melt(ice ice) {
	if ice.covers(c.age) {
		ice.keeps(c.bytes())
		c.blocks, c.wide = slices.Clone(c.blocks), slices.Clone(c.wide)
	}
	c.age = ice.age
}

func (c *chunk) get(b *block, place int) meter.Register {
	if b.isWide() {
		return c.wide[b.base].get(place)
	}
	return b.narrow(place)
}

// setRun records registers of the day of a block. The slots must not be taken.
func (c *chunk) setRun(b *block, run []Reading) {
	start := slotOf(pageOf(run[0].Slot), 0)
	for k := range run {
		c.set(b, int(run[k].Slot-start), run[k].Register)
	}
}

// set records a register. The slot must not be taken.
func (c *chunk) set(b *block, place int, register meter.Register) {
	if !b.isWide() && !b.setNarrow(place, register) {
		var w wideBlock
		b.spread(&w)
		c.widen(b, &w)
	}
	if b.isWide() {
		c.wide[b.base].set(place, register)
		b.head |= 1 << place
	}
	c.readings++
}

// meters returns how many meters have readings in a chunk.
func (c *chunk) meters() (n int) {
	for i := range c.blocks {
		if c.blocks[i].mask() != 0 {
			n++
		}
	}
	return n
}

// loose returns a meter's day as it stands in a strip.
func (c *chunk) loose(b *block) (d looseDay) {
	if d.block = *b; b.isWide() {
		d.wide = c.wide[b.base]
	}
	return d
}

// widen turns a block into its wide form.
func (c *chunk) widen(b *block, w *wideBlock) {
	c.wide = append(c.wide, *w)
	b.head |= wideFlag
	b.base = int64(len(c.wide) - 1)
}

// put takes a meter's whole day. The chunk must have nothing of it.
func (c *chunk) put(i Index, d *looseDay) {
	b := &c.blocks[i%chunkMeters]
	*b = d.block
	if d.isWide() {
		c.widen(b, &d.wide)
	}
	c.readings += uint32(bits.OnesCount64(b.mask()))
}

func (c *chunk) any(mask uint64) bool {
	if c.readings == 0 || mask == maskBits {
		return c.readings > 0
	}
	for i := range c.blocks {
		if c.blocks[i].mask()&mask != 0 {
			return true
		}
	}
	return false
}

// clear drops the readings of a mask's slots. A chunk whose whole day is dropped is not
// read.
func (c *chunk) clear(mask uint64, ice ice) {
	if mask != maskBits {
		c.melt(ice)
		for i := range c.blocks {
			b := &c.blocks[i]
			c.readings -= uint32(bits.OnesCount64(b.mask() & mask))
			b.head &^= mask
		}
	}
	if mask == maskBits || c.readings == 0 {
		if ice.covers(c.age) {
			ice.keeps(c.bytes())
		}
		*c = chunk{}
	}
}
