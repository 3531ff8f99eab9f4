package store

import (
	"math"
	"math/bits"
	"slices"

	"meterledger/internal/meter"
)

// grid is the readings in memory: tiles of 256 meters and 32 days of standard time. Only
// tiles that have readings are there, so no use of it makes a reading dear: a reading
// costs 300 bytes at the most, and 2.4 if its day is full.
type grid struct {
	lanes  []lane // by meter
	meters int    // that are registered
	ice    ice
	held   gridBytes
	always uint8 // how many meters make a day dense, in tests; 0: see denseMeters
}

// gridBytes is what a grid takes.
type gridBytes struct{ dense, sparse, promised int64 }

// add adds other bytes, or takes them away.
func (b *gridBytes) add(other *gridBytes, sign int64) {
	b.dense += sign * other.dense
	b.sparse += sign * other.sparse
	b.promised += sign * other.promised
}

// size returns how many meters there are of those that share a meter's chunks.
func (g *grid) size(i Index) int {
	return min(chunkMeters, g.meters-int(i/chunkMeters*chunkMeters))
}

// denseMeters returns how many meters with readings make a day dense: two thirds of all.
// Then a slab costs at most 168 bytes a meter, and at most half as much again as strips of
// whole days.
func (g *grid) denseMeters(i Index) uint8 {
	if g.always > 0 {
		return g.always
	}
	return uint8((2*g.size(i) + 2) / 3)
}

// share returns the grid as it is now, as long as ice covers it.
func (g *grid) share() grid { return grid{lanes: slices.Clone(g.lanes)} }

// find returns the block of a meter's dense day and the chunk it stands in, or nil.
func (g *grid) find(i Index, day uint32) (*chunk, *block) {
	if int(i/chunkMeters) >= len(g.lanes) {
		return nil, nil
	}
	l, number := &g.lanes[i/chunkMeters], day/tileDays
	var t *tile
	if place := uint(number - l.first); place < uint(len(l.tiles)) && l.tiles[place].number == number {
		t = &l.tiles[place]
	} else if t = l.find(number); t == nil {
		return nil, nil
	}
	if t.chunks == nil {
		return nil, nil
	}
	c, place := &t.chunks[day%tileDays], uint(i%chunkMeters)
	if place >= uint(len(c.blocks)) {
		return nil, nil
	}
	return c, &c.blocks[place]
}

// at returns the register of a meter at a slot.
func (g *grid) at(i Index, slot meter.Slot) (meter.Register, bool) {
	day, place := slot.Page()
	c, b := g.find(i, day)
	if c == nil {
		return g.looseAt(i, day, place)
	}
	if !b.has(place) {
		return meter.Register{}, false
	}
	return c.get(b, place), true
}

func (g *grid) looseAt(i Index, day uint32, place int) (meter.Register, bool) {
	t := g.lane(i).find(day / tileDays)
	if t == nil {
		return meter.Register{}, false
	}
	s := t.strip(i)
	at, found := s.find(day % tileDays)
	if !found || s[at:].mask()>>place&1 == 0 {
		return meter.Register{}, false
	}
	return s[at:].get(place), true
}

// set records a register. The slot must not be taken.
func (g *grid) set(i Index, slot meter.Slot, register meter.Register) {
	g.setRun([]Reading{{i, slot, register}})
}

// setRun records registers of one meter and one day, at least one. The slots must not be taken.
func (g *grid) setRun(run []Reading) {
	i, day := run[0].Meter, pageOf(run[0].Slot)
	c, b := g.find(i, day)
	if c != nil && !g.ice.covers(c.age) {
		wide := cap(c.wide)
		if b.mask() == 0 {
			g.lane(i).find(day / tileDays).meet(i)
		}
		c.setRun(b, run)
		if cap(c.wide) != wide {
			g.held.dense += int64(cap(c.wide)-wide) * wideSize
		}
		return
	}
	g.change(i, day, func(t *tile) {
		if !g.becomesDense(t, i, day) {
			t.setRun(day%tileDays, run, g)
			return
		}
		c := t.chunk(i, day%tileDays, g)
		t.meet(i)
		c.setRun(&c.blocks[i%chunkMeters], run)
	})
}

// becomesDense reports whether a reading of a meter shall stand in a slab. A day stops being
// dense if its slab ends before the meter and would be large for what is in it.
func (g *grid) becomesDense(t *tile, i Index, day uint32) bool {
	within := day % tileDays
	if t.dense>>within&1 == 0 {
		return g.fills(i, day)
	}
	c := &t.chunks[within]
	if int(i%chunkMeters) < len(c.blocks) || c.meters() >= int(g.denseMeters(i))-1 || g.fills(i, day) {
		return true
	}
	t.thin(within, g.ice)
	return false
}

// fills reports whether a day will probably be full, because so many readings came for
// the day before that the slab costs little beside them.
func (g *grid) fills(i Index, day uint32) bool {
	c, _ := g.find(i, day-1)
	return c != nil && c.readings >= 6*uint32(g.denseMeters(i))
}

// change lets f change the tile of a meter's day, which is made if it is not there.
func (g *grid) change(i Index, day uint32, f func(*tile)) {
	for int(i/chunkMeters) >= len(g.lanes) {
		g.lanes = append(g.lanes, lane{age: g.ice.age})
	}
	l := &g.lanes[i/chunkMeters]
	g.held.sparse -= l.bytes()
	place := l.open(day/tileDays, g.ice)
	g.held.sparse += l.bytes()
	g.changeTile(&l.tiles[place], f)
}

// changeTile lets f change a tile of a lane that has melted.
func (g *grid) changeTile(t *tile, f func(*tile)) {
	before := t.bytes() // a copy may have less room to grow
	t.melt(g.ice)
	f(t)
	after := t.bytes()
	g.held.add(&after, 1)
	g.held.add(&before, -1)
}

// clear drops every reading within a window and returns how many they were.
func (g *grid) clear(w meter.Window) (dropped uint64) {
	for n := range g.lanes {
		l := &g.lanes[n]
		g.held.sparse -= l.bytes()
		for place := l.from(w.From); l.within(place, w); place++ {
			l.melt(g.ice)
			g.changeTile(&l.tiles[place], func(t *tile) { dropped += t.clear(w, g.ice) })
		}
		l.drop(g.ice)
		g.held.sparse += l.bytes()
	}
	return dropped
}

// drop forgets the reading of a meter at a slot, which must be taken.
func (g *grid) drop(i Index, slot meter.Slot) {
	g.change(i, pageOf(slot), func(t *tile) { t.drop(i, slot, g.ice) })
	l := &g.lanes[i/chunkMeters]
	g.held.sparse -= l.bytes()
	l.drop(g.ice)
	g.held.sparse += l.bytes()
}

// any reports whether there is a reading within a window.
func (g *grid) any(w meter.Window) bool {
	for n := range g.lanes {
		l := &g.lanes[n]
		for place := l.from(w.From); l.within(place, w); place++ {
			if l.tiles[place].any(w) {
				return true
			}
		}
	}
	return false
}

// before returns the latest reading of a meter in memory before a slot.
func (g *grid) before(i Index, slot meter.Slot) (meter.Point, bool) {
	day, place := slot.Page()
	if c, b := g.find(i, day); c != nil {
		if found := b.mask() & (1<<place - 1); found != 0 {
			place = bits.Len64(found) - 1
			return meter.Point{Slot: slotOf(day, place), Register: c.get(b, place)}, true
		}
	}
	w := meter.Window{To: slot}
	l := g.lane(i)
	for n := l.from(slot+tileDays*meter.SlotsPerDay) - 1; n >= 0 && w.To > 0; n-- {
		t := &l.tiles[n]
		for days := t.days(i, w.Rows()); days != 0; {
			latest := uint32(bits.Len32(days) - 1)
			days &^= 1 << latest
			if d := t.day(i, latest, w.Rows()); d.wanted != 0 {
				return d.point(bits.Len64(d.wanted) - 1), true
			}
		}
	}
	return meter.Point{}, false
}

// after returns the first reading of a meter in memory after a slot.
func (g *grid) after(i Index, slot meter.Slot) (meter.Point, bool) {
	w := meter.Window{From: slot + 1, To: math.MaxUint32}
	l := g.lane(i)
	for n := l.from(w.From); l.within(n, w); n++ {
		t := &l.tiles[n]
		for days := t.days(i, w); days != 0; days &= days - 1 { // which drops the lowest bit
			if d := t.day(i, uint32(bits.TrailingZeros32(days)), w); d.wanted != 0 {
				return d.point(bits.TrailingZeros64(d.wanted)), true
			}
		}
	}
	return meter.Point{}, false
}

// appendPoints adds a meter's readings within a window to points, in order.
func (g *grid) appendPoints(points []meter.Point, i Index, w meter.Window) []meter.Point {
	l := g.lane(i)
	for n := l.from(w.From); l.within(n, w); n++ {
		t := &l.tiles[n]
		for days := t.days(i, w); days != 0; days &= days - 1 {
			day := uint32(bits.TrailingZeros32(days))
			if b := t.block(i, day); b != nil && !b.isWide() {
				number := t.firstDay() + day
				points = b.appendNarrow(points, slotOf(number, 0), b.mask()&dayMask(number, w))
				continue
			}
			d := t.day(i, day, w)
			for rest := d.wanted; rest != 0; rest &= rest - 1 {
				points = append(points, d.point(bits.TrailingZeros64(rest)))
			}
		}
	}
	return points
}

// span returns what there is of a meter within a window, by bit operations alone.
func (g *grid) span(i Index, w meter.Window) (span Span) {
	l := g.lane(i)
	var last *tile
	var lastDay uint32
	for n := l.from(w.From); l.within(n, w); n++ {
		t := &l.tiles[n]
		for days := t.days(i, w); days != 0; days &= days - 1 {
			day := uint32(bits.TrailingZeros32(days))
			present := t.taken(i, day) & dayMask(t.firstDay()+day, w)
			if present == 0 {
				continue
			}
			if span.Count == 0 {
				d := t.day(i, day, w)
				span.First = d.point(bits.TrailingZeros64(present))
			}
			last, lastDay = t, day
			span.Count += bits.OnesCount64(present)
		}
	}
	if last != nil {
		d := last.day(i, lastDay, w)
		span.Last = d.point(bits.Len64(d.wanted) - 1)
	}
	return span
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
