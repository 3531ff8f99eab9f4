package store

import (
	"cmp"
	"slices"

	"meterledger/internal/meter"
)

// lane is the tiles of 256 meters, in order of time.
type lane struct {
	age   age
	first uint32 // number of the first tile
	tiles []tile
}

// find returns the tile of a number, or nil. A lane without gaps is not searched.
func (l *lane) find(number uint32) *tile {
	if place := uint(number - l.first); place < uint(len(l.tiles)) && l.tiles[place].number == number {
		return &l.tiles[place]
	}
	if place, found := l.search(number); found {
		return &l.tiles[place]
	}
	return nil
}

func (l *lane) search(number uint32) (place int, found bool) {
	return slices.BinarySearchFunc(l.tiles, number, func(t tile, n uint32) int { return cmp.Compare(t.number, n) })
}

// bytes returns what the list of a lane's tiles takes.
func (l *lane) bytes() int64 { return int64(cap(l.tiles)) * tileBytes }

// melt prepares the list of a lane's tiles for a change.
func (l *lane) melt(ice ice) {
	if ice.covers(l.age) {
		ice.keeps(l.bytes())
		l.tiles = slices.Clone(l.tiles)
	}
	l.age = ice.age
}

// open returns the place of a tile, which is made if it is not there.
func (l *lane) open(number uint32, ice ice) (place int) {
	l.melt(ice)
	place, found := l.search(number)
	if !found {
		l.tiles = slices.Insert(l.tiles, place, tile{number: number, age: ice.age})
		l.first = l.tiles[0].number
	}
	return place
}

// drop forgets the tiles that are empty.
func (l *lane) drop(ice ice) {
	empty := func(t tile) bool { return t.empty() }
	if !slices.ContainsFunc(l.tiles, empty) {
		return
	}
	l.melt(ice)
	l.tiles = slices.DeleteFunc(l.tiles, empty)
	if len(l.tiles) > 0 {
		l.first = l.tiles[0].number
	} else {
		l.tiles = nil
	}
}

// from returns the place of the first tile that has a slot or later ones.
func (l *lane) from(slot meter.Slot) (place int) {
	number := pageOf(slot) / tileDays
	if place := uint(number - l.first); place < uint(len(l.tiles)) && l.tiles[place].number == number {
		return int(place)
	}
	place, _ = l.search(number)
	return place
}

// within reports whether there is a tile at a place, and it begins within a window or
// before it.
func (l *lane) within(place int, w meter.Window) bool {
	return place < len(l.tiles) && slotOf(l.tiles[place].firstDay(), 0) <= w.To
}

// emptyLane is that of meters without readings.
var emptyLane lane

// lane returns the tiles of a meter.
func (g *grid) lane(i Index) *lane {
	if place := int(i / chunkMeters); place < len(g.lanes) {
		return &g.lanes[place]
	}
	return &emptyLane
}

// days returns, as bits, the days of a window on which a meter may have readings.
func (t *tile) days(i Index, w meter.Window) uint32 {
	days := t.strip(i).days()
	if t.hasMet(i) {
		days |= t.dense
	}
	return days & t.mask(w)
}

// noBlock is that of a meter that was registered after its day became dense.
var noBlock block

// block returns the block of a meter's day, or nil if the day is not dense.
func (t *tile) block(i Index, day uint32) *block {
	if t.dense>>day&1 == 0 {
		return nil
	}
	if c := &t.chunks[day]; int(i%chunkMeters) < len(c.blocks) {
		return &c.blocks[i%chunkMeters]
	}
	return &noBlock
}

// taken returns which slots of a meter's day are, one of days.
func (t *tile) taken(i Index, day uint32) uint64 {
	if b := t.block(i, day); b != nil {
		return b.mask()
	}
	return t.loose(i, day).mask()
}

// loose returns a meter's strip from a day on, one of days that has no block.
func (t *tile) loose(i Index, day uint32) strip {
	s := t.strip(i)
	at, _ := s.find(day)
	return s[at:]
}

// meterDay is a meter's day, one of days.
type meterDay struct {
	first  meter.Slot
	wanted uint64 // the slots with readings within a window
	chunk  *chunk
	block  *block
	strip  strip // begins with the day, if it has no block
}

func (t *tile) day(i Index, day uint32, w meter.Window) (d meterDay) {
	d.first = slotOf(t.firstDay()+day, 0)
	if d.block = t.block(i, day); d.block != nil {
		d.chunk, d.wanted = &t.chunks[day], d.block.mask()
	} else {
		d.strip = t.loose(i, day)
		d.wanted = d.strip.mask()
	}
	d.wanted &= dayMask(t.firstDay()+day, w)
	return d
}

func (d *meterDay) get(place int) meter.Register {
	if d.block != nil {
		return d.chunk.get(d.block, place)
	}
	return d.strip.get(place)
}

func (d *meterDay) point(place int) meter.Point {
	return meter.Point{Slot: d.first + meter.Slot(place), Register: d.get(place)}
}

// firstDay returns the first day of a tile.
func (t *tile) firstDay() uint32 { return t.number * tileDays }

// mask returns the tile's days within a window, as bits.
func (t *tile) mask(w meter.Window) uint32 {
	first := t.firstDay()
	from, to := max(pageOf(w.From), first), min(pageOf(w.To), first+tileDays-1)
	if from > to {
		return 0
	}
	return uint32(uint64(2)<<(to-first)-1) &^ (1<<(from-first) - 1)
}

// pageOf returns the day of a slot.
func pageOf(slot meter.Slot) uint32 {
	day, _ := slot.Page()
	return day
}
