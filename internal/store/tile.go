package store

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unsafe"

	"meterledger/internal/meter"
)

// tileDays is how many days a tile has.
const tileDays = 32

// tile is the readings of 256 meters on 32 days. Each of its days is either dense, with a
// block for every meter, or lies in the strips of the meters that have readings on it.
type tile struct {
	number  uint32           // its first day, in tiles since day 0
	dense   uint32           // the days that are, as bits
	chunks  *[tileDays]chunk // of the dense days; nil if there are none
	age     age
	met     [chunkMeters / 64]uint64 // the meters that had readings on dense days
	counts  [tileDays]uint8          // of each other day: how many strips have it
	present [chunkMeters / 64]uint64
	strips  []agedStrip // of the meters that are present, in order
	held    int64       // by strips, in bytes
}

// agedStrip is a strip of a tile.
type agedStrip struct {
	strip

	age age
}

const (
	tileBytes      = int64(unsafe.Sizeof(tile{}))
	chunksBytes    = int64(unsafe.Sizeof([tileDays]chunk{}))
	agedStripBytes = int64(unsafe.Sizeof(agedStrip{}))
)

// bytes returns what a tile takes, itself not counted.
func (t *tile) bytes() (b gridBytes) {
	if t.chunks != nil {
		b.dense = chunksBytes
	}
	for rest := t.dense; rest != 0; rest &= rest - 1 {
		b.dense += t.chunks[bits.TrailingZeros32(rest)].bytes()
	}
	b.sparse = int64(cap(t.strips))*agedStripBytes + t.held
	for _, n := range t.counts {
		b.promised += int64(n) * promisedBytes
	}
	return b
}

// meet notes that a meter has readings on dense days. It keeps a look for a neighbour from
// going through all slabs of the years between.
func (t *tile) meet(i Index) { t.met[i%chunkMeters/64] |= 1 << (i % 64) }

// meetAll notes meters of a set, of which the highest bit of the first byte is the tile's first.
func (t *tile) meetAll(set []byte) {
	for n := range t.met {
		t.met[n] |= bits.Reverse64(binary.BigEndian.Uint64(set[8*n:]))
	}
}

func (t *tile) hasMet(i Index) bool { return t.met[i%chunkMeters/64]>>(i%64)&1 != 0 }

// melt copies what a frozen state shares of a tile, but for chunks and strips.
func (t *tile) melt(ice ice) {
	if !ice.covers(t.age) {
		return
	}
	if t.age, t.strips = ice.age, slices.Clone(t.strips); t.chunks != nil {
		chunks := *t.chunks
		t.chunks = &chunks
		ice.keeps(chunksBytes)
	}
	ice.keeps(int64(cap(t.strips)) * agedStripBytes)
}

// rank returns where the strip of a meter stands, or would.
func (t *tile) rank(i Index) (rank int, found bool) {
	i %= chunkMeters
	for _, word := range t.present[:i/64] {
		rank += bits.OnesCount64(word)
	}
	word := t.present[i/64]
	return rank + bits.OnesCount64(word&(1<<(i%64)-1)), word>>(i%64)&1 != 0
}

// strip returns the strip of a meter, which is empty if it has none.
func (t *tile) strip(i Index) strip {
	if len(t.strips) == 0 {
		return nil
	}
	if rank, found := t.rank(i); found {
		return t.strips[rank].strip
	}
	return nil
}

// meters yields the meters that have a strip, counted from the tile's first, in order.
func (t *tile) meters(yield func(Index) bool) {
	for n, word := range t.present {
		for ; word != 0; word &= word - 1 {
			if !yield(Index(n*64 + bits.TrailingZeros64(word))) {
				return
			}
		}
	}
}

// setRun records registers of one meter on a day that is not dense, and makes it dense if so many
// meters have readings then.
func (t *tile) setRun(day uint32, run []Reading, g *grid) {
	i, fresh := run[0].Meter, false
	t.change(i, g.ice, func(s strip) strip {
		s, fresh = s.setRun(day, run)
		return s
	})
	if fresh {
		t.counts[day]++
	}
	if t.counts[day] >= g.denseMeters(i) {
		t.thicken(day, g.size(i), g.ice)
	}
}

// change replaces the strip of a meter, which may be empty before, but not after.
func (t *tile) change(i Index, ice ice, f func(strip) strip) {
	rank, found := t.rank(i)
	if !found {
		t.strips = slices.Insert(t.strips, rank, agedStrip{age: ice.age})
		t.present[i%chunkMeters/64] |= 1 << (i % 64)
	}
	s := &t.strips[rank]
	t.held -= int64(cap(s.strip))
	if ice.covers(s.age) {
		ice.keeps(int64(cap(s.strip)))
		s.strip = slices.Clone(s.strip)
	}
	*s = agedStrip{f(s.strip), ice.age}
	t.held += int64(cap(s.strip))
}

// rewrite replaces every strip by what f makes of it, which must not change the one it is
// given. An empty one is none.
func (t *tile) rewrite(ice ice, f func(Index, strip) strip) {
	kept, rank := t.strips[:0], 0
	t.held = 0
	for i := range t.meters {
		s := t.strips[rank]
		rank++
		if left := f(i, s.strip); len(left) != len(s.strip) {
			if ice.covers(s.age) {
				ice.keeps(int64(cap(s.strip)))
			}
			s = agedStrip{left, ice.age}
		}
		if len(s.strip) == 0 {
			t.present[i/64] &^= 1 << (i % 64)
			continue
		}
		kept = append(kept, s)
		t.held += int64(cap(s.strip))
	}
	clear(t.strips[len(kept):])
	if t.strips = kept; len(kept) == 0 {
		t.strips = nil
	}
}

// chunk returns the chunk of a day, with room for a meter, for a change. The day becomes
// dense if it is not.
func (t *tile) chunk(i Index, day uint32, g *grid) *chunk {
	if t.dense>>day&1 == 0 {
		return t.thicken(day, g.size(i), g.ice)
	}
	c := &t.chunks[day]
	c.melt(g.ice)
	if missing := g.size(i) - len(c.blocks); int(i%chunkMeters) >= len(c.blocks) {
		c.blocks = slices.Concat(c.blocks, make([]block, missing))
	}
	return c
}

// thicken makes a day of so many meters dense.
func (t *tile) thicken(day uint32, size int, ice ice) *chunk {
	if t.chunks == nil {
		t.chunks = new([tileDays]chunk)
	}
	c := &t.chunks[day]
	*c = chunk{blocks: make([]block, size), age: ice.age}
	t.dense |= 1 << day
	if t.counts[day] == 0 {
		return c
	}
	t.counts[day] = 0
	t.rewrite(ice, func(i Index, s strip) strip {
		at, found := s.find(day)
		if !found {
			return s
		}
		var d looseDay
		s[at:].unpack(&d)
		c.put(i, &d)
		t.meet(i)
		return slices.Concat(s[:at], s[at+s[at:].size():])
	})
	return c
}

// thin moves a dense day into strips.
func (t *tile) thin(day uint32, ice ice) {
	c := &t.chunks[day]
	for i := range c.blocks {
		if b := &c.blocks[i]; b.mask() != 0 {
			d := c.loose(b)
			t.put(Index(i), day, &d, ice)
		}
	}
	if ice.covers(c.age) {
		ice.keeps(c.bytes())
	}
	t.vacate(day)
}

// put takes a meter's whole day into its strip, which must have nothing of it.
func (t *tile) put(i Index, day uint32, d *looseDay, ice ice) {
	t.change(i, ice, func(s strip) strip {
		at, _ := s.find(day)
		var buffer [stripDayBytes]byte
		return slices.Insert(s, at, d.append(buffer[:0], day)...)
	})
	t.counts[day]++
}

// has reports whether any meter may have readings on a day.
func (t *tile) has(day uint32) bool { return t.dense>>day&1 != 0 || t.counts[day] > 0 }

// any reports whether there is a reading within a window.
func (t *tile) any(w meter.Window) bool {
	first := t.firstDay()
	for rest := t.dense; rest != 0; rest &= rest - 1 {
		day := uint32(bits.TrailingZeros32(rest))
		if mask := dayMask(first+day, w); mask != 0 && t.chunks[day].any(mask) {
			return true
		}
	}
	for _, s := range t.strips {
		for left := s.strip; len(left) > 0; left = left[left.size():] {
			if left.mask()&dayMask(first+uint32(left[0]), w) != 0 {
				return true
			}
		}
	}
	return false
}

// clear drops every reading within a window and returns how many they were.
func (t *tile) clear(w meter.Window, ice ice) (dropped uint64) {
	first := t.firstDay()
	for rest := t.dense; rest != 0; rest &= rest - 1 {
		day := uint32(bits.TrailingZeros32(rest))
		mask := dayMask(first+day, w)
		if mask == 0 {
			continue
		}
		c := &t.chunks[day]
		before := c.readings
		c.clear(mask, ice)
		dropped += uint64(before - c.readings)
		if c.blocks == nil {
			t.dense &^= 1 << day
		}
	}
	if t.dense == 0 {
		t.chunks, t.met = nil, [chunkMeters / 64]uint64{}
	}
	var buffer strip
	t.rewrite(ice, func(_ Index, s strip) strip {
		left, n := t.cut(s, w, &buffer)
		dropped += n
		return left
	})
	return dropped
}

// drop forgets the reading of a meter at a slot, which must be taken.
func (t *tile) drop(i Index, slot meter.Slot, ice ice) {
	day, place := slot.Page()
	if day %= tileDays; t.dense>>day&1 != 0 {
		c := &t.chunks[day]
		c.melt(ice)
		c.blocks[i%chunkMeters].head &^= 1 << place
		if c.readings--; c.readings == 0 {
			t.vacate(day)
		}
		return
	}
	var buffer strip
	t.rewrite(ice, func(other Index, s strip) strip {
		if other == i%chunkMeters {
			s, _ = t.cut(s, meter.Window{From: slot, To: slot}, &buffer)
		}
		return s
	})
}

// vacate forgets the slab of a day.
func (t *tile) vacate(day uint32) {
	t.chunks[day] = chunk{}
	if t.dense &^= 1 << day; t.dense == 0 {
		t.chunks, t.met = nil, [chunkMeters / 64]uint64{}
	}
}

// cut drops the readings of a strip within a window, and returns how many they were. What
// is left takes no more room than it needs; buffer is used again.
func (t *tile) cut(s strip, w meter.Window, buffer *strip) (left strip, dropped uint64) {
	if s.days()&t.mask(w) == 0 {
		return s, 0
	}
	left = (*buffer)[:0]
	for ; len(s) > 0; s = s[s.size():] {
		day := uint32(s[0])
		gone := s.mask() & dayMask(t.firstDay()+day, w)
		dropped += uint64(bits.OnesCount64(gone))
		switch gone {
		case 0:
			left = append(left, s[:s.size()]...)
		case s.mask():
			t.counts[day]--
		default:
			var d looseDay
			s.unpack(&d)
			d.head &^= gone
			left = d.append(left, day)
		}
	}
	*buffer = left
	return slices.Clone(left), dropped
}

func (t *tile) empty() bool { return t.dense == 0 && len(t.strips) == 0 }
