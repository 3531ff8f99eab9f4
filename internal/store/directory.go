package store

import (
	"sync"
	"sync/atomic"

	"meterledger/internal/meter"
)

// directory finds meters by their ids. It has a lock of its own: who looks a meter up does not wait while readings are applied.
// Apply alone adds to it, and may read it without the lock.
type directory struct {
	mu        sync.RWMutex // guards all below
	byID      map[meter.ID]Index
	accounts  []meter.Account // those of the state, of which only the ids are read
	followers []uint32        // by Index: see Locate; its elements are read and written atomically, under mu for reading
}

// add adds the last of the state's accounts.
func (d *directory) add(accounts []meter.Account) {
	d.mu.Lock()
	defer d.mu.Unlock()
	last := len(accounts) - 1
	d.byID[accounts[last].ID] = Index(last)
	d.accounts = accounts
	d.followers = append(d.followers, 0)
}

func (d *directory) find(id meter.ID) (Index, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	i, ok := d.byID[id]
	return i, ok
}

// Lookup finds a registered meter by its id.
func (s *Store) Lookup(id meter.ID) (Meter, bool) {
	i, ok := s.directory.find(id)
	return Meter{i, id}, ok
}

// Locate looks up the meters of rows, last being the meter of the
// row before them, if there was one. It appends to located the rows whose meters are
// registered, and to unknown the places of the others.
//
// Senders keep to their order from one time to the next, so the meter that followed
// the last one before is tried first: its id is compared, while a look into the map
// would cost three misses of the cache.
func (s *Store) Locate(rows []meter.Row, last Index, located []Reading, unknown []int) ([]Reading, []int) {
	d := &s.directory
	d.mu.RLock()
	defer d.mu.RUnlock()
	for place := range rows {
		row := &rows[place]
		i, ok := d.follower(last, row.Meter)
		if !ok {
			if i, ok = d.byID[meter.ID(row.Meter)]; !ok {
				unknown = append(unknown, place)
				continue
			}
			atomic.StoreUint32(&d.followers[last], uint32(i))
		}
		located = append(located, Reading{i, row.Slot, row.Register})
		last = i
	}
	return located, unknown
}

// follower returns the meter that came after last when it was located last, and whether
// it has this id.
func (d *directory) follower(last Index, id []byte) (Index, bool) {
	if int(last) >= len(d.followers) {
		return 0, false // there are no meters
	}
	i := Index(atomic.LoadUint32(&d.followers[last]))
	return i, string(d.accounts[i].ID) == string(id)
}
