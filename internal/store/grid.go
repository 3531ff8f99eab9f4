package store

import (
	"math/bits"
	"slices"

	"meterledger/internal/meter"
)

// chunkMeters is how many meters share a chunk. A late reading of an old day
// costs one chunk, 28 KiB, and not a page.
const chunkMeters = 256

// chunk is the day of 256 meters. Its blocks fill one slab without pointers, so the
// garbage collector does not scan it.
type chunk struct {
	blocks   *[chunkMeters]block // nil if nothing was received
	wide     []wideBlock
	readings uint32 // in all blocks
	age      age
}

// page is one day of all meters: chunks by meter.
type page struct {
	chunks []chunk
}

// grid is the readings in memory: pages by day of standard time, counted from
// first. A slot is found by arithmetic; nothing is searched.
type grid struct {
	first uint32
	pages []*page
	ice   ice
}

// share returns the grid as it is now, as long as ice covers it.
func (g *grid) share() grid {
	shared := grid{first: g.first, pages: make([]*page, len(g.pages))}
	for i, p := range g.pages {
		if p != nil {
			shared.pages[i] = &page{slices.Clone(p.chunks)}
		}
	}
	return shared
}

// at returns the register of a meter at a slot.
func (g *grid) at(i Index, slot meter.Slot) (meter.KWh, bool) {
	day, place := slot.Page()
	c, b := g.find(i, day)
	if c == nil || !b.has(place) {
		return meter.KWh{}, false
	}
	return c.get(b, place), true
}

// find returns the block of a meter's day and the chunk it stands in, or nil.
func (g *grid) find(i Index, day uint32) (*chunk, *block) {
	if day < g.first || day-g.first >= uint32(len(g.pages)) {
		return nil, nil
	}
	p := g.pages[day-g.first]
	if p == nil || int(i/chunkMeters) >= len(p.chunks) {
		return nil, nil
	}
	c := &p.chunks[i/chunkMeters]
	if c.blocks == nil {
		return nil, nil
	}
	return c, &c.blocks[i%chunkMeters]
}

// set records a register. The slot must not be taken.
func (g *grid) set(i Index, slot meter.Slot, register meter.KWh) {
	day, place := slot.Page()
	c := g.page(day).chunk(i)
	c.melt(g.ice)
	c.set(&c.blocks[i%chunkMeters], place, register)
	c.readings++
}

func (g *grid) page(day uint32) *page {
	if len(g.pages) == 0 {
		g.first = day
	}
	if day < g.first {
		longer := make([]*page, int(g.first-day)+len(g.pages))
		copy(longer[g.first-day:], g.pages)
		g.first, g.pages = day, longer
	}
	for uint32(len(g.pages)) <= day-g.first {
		g.pages = append(g.pages, nil)
	}
	p := &g.pages[day-g.first]
	if *p == nil {
		*p = &page{}
	}
	return *p
}

func (p *page) chunk(i Index) *chunk {
	place := int(i / chunkMeters)
	if place >= len(p.chunks) {
		p.chunks = append(p.chunks, make([]chunk, place+1-len(p.chunks))...)
	}
	return &p.chunks[place]
}

// melt prepares a chunk for a change: a new one gets its blocks, and one that a frozen
// state shares is copied first.
func (c *chunk) melt(ice ice) {
	switch {
	case c.blocks == nil:
		c.blocks = new([chunkMeters]block)
	case ice.covers(c.age):
		blocks := *c.blocks
		c.blocks, c.wide = &blocks, slices.Clone(c.wide)
	}
	c.age = ice.age
}

func (c *chunk) get(b *block, place int) meter.KWh {
	if b.isWide() {
		return c.wide[b.base].get(place)
	}
	return b.narrow(place)
}

func (c *chunk) set(b *block, place int, register meter.KWh) {
	if !b.isWide() && !b.setNarrow(place, register) {
		c.widen(b)
	}
	if b.isWide() {
		c.wide[b.base].set(place, register)
		b.head |= 1 << place
	}
}

func (c *chunk) widen(b *block) {
	var w wideBlock
	for slot := range b.slots {
		w.set(slot, b.narrow(slot))
	}
	c.wide = append(c.wide, w)
	b.head |= wideFlag
	b.base = int64(len(c.wide) - 1)
}

// before returns the latest reading of a meter in memory before a slot.
func (g *grid) before(i Index, slot meter.Slot) (meter.Point, bool) {
	day, place := slot.Page()
	if end := g.first + uint32(len(g.pages)); day >= end {
		day, place = end, 0
	}
	below := uint64(1)<<place - 1
	for ; day+1 > g.first && len(g.pages) > 0; day-- {
		if c, b := g.find(i, day); c != nil && b.mask()&below != 0 {
			found := bits.Len64(b.mask()&below) - 1
			return meter.Point{Slot: slotOf(day, found), Register: c.get(b, found)}, true
		}
		below = maskBits
		if day == 0 {
			break
		}
	}
	return meter.Point{}, false
}

// after returns the first reading of a meter in memory after a slot.
func (g *grid) after(i Index, slot meter.Slot) (meter.Point, bool) {
	day, place := slot.Page()
	above := uint64(maskBits) &^ (uint64(2)<<place - 1)
	if day < g.first {
		day, above = g.first, maskBits
	}
	for ; day < g.first+uint32(len(g.pages)); day++ {
		if c, b := g.find(i, day); c != nil && b.mask()&above != 0 {
			found := bits.TrailingZeros64(b.mask() & above)
			return meter.Point{Slot: slotOf(day, found), Register: c.get(b, found)}, true
		}
		above = maskBits
	}
	return meter.Point{}, false
}

// appendPoints adds a meter's readings within a window to points, in order.
func (g *grid) appendPoints(points []meter.Point, i Index, w meter.Window) []meter.Point {
	from, to := g.days(w)
	for day := from; day < to; day++ {
		c, b := g.find(i, day)
		if c == nil {
			continue
		}
		first, wanted := slotOf(day, 0), b.mask()&dayMask(day, w)
		if !b.isWide() {
			points = b.appendNarrow(points, first, wanted)
			continue
		}
		for rest := wanted; rest != 0; rest &= rest - 1 { // which drops the lowest bit
			place := bits.TrailingZeros64(rest)
			points = append(points, meter.Point{Slot: first + meter.Slot(place), Register: c.get(b, place)})
		}
	}
	return points
}

// span returns what there is of a meter within a window, by bit operations alone.
func (g *grid) span(i Index, w meter.Window) (span Span) {
	from, to := g.days(w)
	for day := from; day < to; day++ {
		c, b := g.find(i, day)
		if c == nil {
			continue
		}
		present := b.mask() & dayMask(day, w)
		if present == 0 {
			continue
		}
		point := func(place int) meter.Point {
			return meter.Point{Slot: slotOf(day, place), Register: c.get(b, place)}
		}
		if span.Count == 0 {
			span.First = point(bits.TrailingZeros64(present))
		}
		span.Last = point(bits.Len64(present) - 1)
		span.Count += bits.OnesCount64(present)
	}
	return span
}

// days returns the days of a window that have a page, to not included.
func (g *grid) days(w meter.Window) (from, to uint32) {
	first, _ := w.From.Page()
	last, _ := w.To.Page()
	return max(first, g.first), min(last+1, g.first+uint32(len(g.pages)))
}

// any reports whether there is a reading within a window.
func (g *grid) any(w meter.Window) bool {
	for place, p := range g.pages {
		mask := dayMask(g.first+uint32(place), w)
		if p == nil || mask == 0 {
			continue
		}
		if slices.ContainsFunc(p.chunks, func(c chunk) bool { return c.any(mask) }) {
			return true
		}
	}
	return false
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

// clear drops every reading within a window and returns how many they were. A
// chunk whose whole day lies in the window is dropped without being read.
func (g *grid) clear(w meter.Window) (dropped uint64) {
	for place, p := range g.pages {
		mask := dayMask(g.first+uint32(place), w)
		if p == nil || mask == 0 {
			continue
		}
		used := false
		for i := range p.chunks {
			c := &p.chunks[i]
			before := c.readings
			c.clear(mask, g.ice)
			dropped += uint64(before - c.readings)
			used = used || c.readings > 0
		}
		if !used {
			g.pages[place] = nil
		}
	}
	g.trim()
	return dropped
}

// clear drops the readings of a mask's slots.
func (c *chunk) clear(mask uint64, ice ice) {
	if c.blocks == nil {
		return
	}
	if mask != maskBits {
		c.melt(ice)
		for i := range c.blocks {
			b := &c.blocks[i]
			c.readings -= uint32(bits.OnesCount64(b.mask() & mask))
			b.head &^= mask
		}
	}
	if mask == maskBits || c.readings == 0 {
		*c = chunk{}
	}
}

// trim forgets empty days at both ends.
func (g *grid) trim() {
	for len(g.pages) > 0 && g.pages[0] == nil {
		g.pages = g.pages[1:]
		g.first++
	}
	for len(g.pages) > 0 && g.pages[len(g.pages)-1] == nil {
		g.pages = g.pages[:len(g.pages)-1]
	}
}

// dayMask returns the bits of a day's slots that lie within a window.
func dayMask(day uint32, w meter.Window) uint64 {
	start := slotOf(day, 0)
	from, to := max(w.From, start), min(w.To, start+meter.SlotsPerDay-1)
	if from > to {
		return 0
	}
	return (uint64(2)<<(to-start) - 1) &^ (uint64(1)<<(from-start) - 1)
}

func slotOf(day uint32, place int) meter.Slot {
	return meter.Slot(day*meter.SlotsPerDay + uint32(place))
}
