package store

import (
	"sync/atomic"
	"unsafe"

	"meterledger/internal/meter"
)

// Footprint is what a store takes, in bytes, by what it is for. What does not grow with
// readings, meters or months is not counted.
type Footprint struct {
	Dense     int64 // days of 256 meters that are slabs
	Sparse    int64 // other readings: far from others, late, or recalled; and when readings came
	Promised  int64 // what the days of Sparse take more if they become slabs
	Frozen    int64 // what only a frozen state still uses
	Accounts  int64 // meters, the index of their ids, their latest readings
	Summaries int64 // of closed months
	Bills     int64
	Lives     int64 // exchanges, limits and corrections of meters
	Refusals  int64 // that are kept

	Credentials int64 // and their index
}

// Sum returns what a store takes in all.
func (f Footprint) Sum() int64 {
	return f.Dense + f.Sparse + f.Promised + f.Frozen + f.Accounts + f.Summaries + f.Bills + f.Lives + f.Refusals + f.Credentials
}

const (
	// accountBytes is what a meter takes besides its texts: lists have grown ahead of what
	// is in them, and the index has room for two ids.
	accountBytes = 5*int64(unsafe.Sizeof(meter.Account{}))/4 + 2*int64(unsafe.Sizeof("")+4) + int64(unsafe.Sizeof(meter.Point{})+5)
	summaryBytes = int64(unsafe.Sizeof(Summary{}))
	billBytes    = int64(unsafe.Sizeof(Bill{}) + unsafe.Sizeof(Figures{}))
	// promisedBytes is what a meter's day in a strip takes once the day is dense.
	promisedBytes = 3 * blockSize / 2
)

// GrowthMax is what a reading can make a store grow by, in bytes, unless it copies what a
// frozen state shares.
const GrowthMax = int64(512)

// Footprint returns what the store takes now.
func (s *Store) Footprint() Footprint {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.footprint()
}

func (s *Store) footprint() Footprint {
	g := s.grid.held
	f := Footprint{Dense: g.dense, Sparse: g.sparse + s.arrivals.held, Promised: g.promised, Accounts: s.held.accounts, Summaries: s.held.records.summaries, Bills: s.held.records.bills, Lives: s.held.lives, Refusals: s.refusals.held, Credentials: s.held.credentials}
	if s.grid.ice.kept != nil {
		f.Frozen = *s.grid.ice.kept
	}
	return f
}

// HeldBytes returns the sum of Footprint as it was lately. It waits for nothing.
func (s *Store) HeldBytes() int64 { return s.held.sum.Load() }

// HeldBytes returns what has been decoded so far takes.
func (d *StateDecoder) HeldBytes() int64 { return d.s.footprint().Sum() }

// noteHeld is called when the footprint has changed.
func (s *Store) noteHeld() { s.held.sum.Store(s.footprint().Sum()) }

// Growth returns by how much readings can make the store grow, in bytes. If it need not be
// exact, slabs that a reading alone makes are left out: they at most double the store.
func (s *Store) Growth(readings []Reading, exact bool) int64 {
	growth := GrowthMax * int64(len(readings))
	if !exact && !s.held.frozen.Load() {
		return growth
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	type laneDay struct {
		lane Index
		day  uint32
	}
	var seen map[laneDay]bool
	for i := range readings {
		day, _ := readings[i].Slot.Page()
		at := laneDay{readings[i].Meter / chunkMeters, day}
		if more := s.grid.growth(readings[i].Meter, day); more > 0 && !seen[at] {
			if seen == nil {
				seen = make(map[laneDay]bool)
			}
			seen[at] = true
			growth += more
		}
	}
	return growth
}

// fewMeters is how many make a day dense whose list of slabs costs much beside them.
const fewMeters = 32

// growth returns by how much the first reading of some meters' day can make a grid grow
// beyond GrowthMax, in bytes: by copies and by slabs.
func (g *grid) growth(i Index, day uint32) (more int64) {
	if c, _ := g.find(i, day); c != nil && !g.ice.covers(c.age) {
		return 0 // nearly always
	}
	l, within := g.lane(i), day%tileDays
	if g.ice.covers(l.age) {
		more += l.bytes()
	}
	t := l.find(day / tileDays)
	if t != nil && g.ice.covers(t.age) {
		more += chunksBytes + int64(cap(t.strips))*agedStripBytes + t.held
	}
	if t != nil && len(t.strips) == cap(t.strips) {
		more += int64(cap(t.strips)) * agedStripBytes
	}
	slab := int64(g.size(i)) * blockSize
	if (t == nil || t.chunks == nil) && g.denseMeters(i) < fewMeters {
		more += chunksBytes
	}
	switch {
	case t != nil && t.dense>>within&1 != 0:
		c := &t.chunks[within]
		more += c.bytes()
		if int(i%chunkMeters) >= len(c.blocks) { // made longer, or moved into strips
			more += max(slab, int64(len(c.blocks))*(promisedBytes+stripDayBytes))
		}
	case g.fills(i, day):
		more += slab + chunksBytes
	}
	return more
}

// Grows reports whether a reading needs memory that the store does not have yet: any that
// does not fit into the block of a dense day as it is.
func (s *Store) Grows(r Reading) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	day, place := r.Slot.Page()
	c, b := s.grid.find(r.Meter, day)
	if c == nil || s.grid.ice.covers(c.age) {
		return true
	}
	changed := *b
	return !changed.isWide() && !changed.setNarrow(place, r.Register)
}

// held is what a store knows of what it takes, but for its grid.
type held struct {
	sum      atomic.Int64 // of all
	frozen   atomic.Bool  // a frozen state is in use
	accounts int64
	lives    int64
	records  recordsHeld

	credentials int64
}

// recordsHeld is what closed months take, and what is pending for them.
type recordsHeld struct{ summaries, bills int64 }

// countRecords counts what closed months take. While parts of them come, it is only added.
func (s *Store) countRecords() {
	s.held.records = recordsHeld{}
	for _, m := range s.months {
		s.held.records.add(&m.meterRecords)
	}
	for _, p := range s.pending {
		s.held.records.add(&p.meterRecords)
	}
}

func (h *recordsHeld) add(r *meterRecords) {
	h.summaries += r.summaries.bytes()
	h.bills += r.bills.bytes()
	for _, bill := range r.bills.all {
		h.bills += bill.bytes()
	}
}

// bytes returns what a column takes. Its segments are allocated as whole pages.
func (c column[T]) bytes() (bytes int64) {
	const page = 8 << 10
	for _, s := range c {
		if s != nil {
			bytes += (int64(unsafe.Sizeof(*s)) + page - 1) / page * page
		}
	}
	return bytes
}
