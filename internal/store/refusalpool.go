package store

import (
	"slices"

	"meterledger/internal/meter"
)

// refusals are the kept refusals of all meters in their order of arrival: entries of a
// pool that name each other by their places. Whatever one meter or many have, a refusal
// takes 44 bytes: 32 in the pool, 8 in the index and 4 of its meter.
type refusals struct {
	chunks         []*refusalChunk
	free           refusalPlace // the first unused one, each naming the next by newer
	oldest, newest refusalPlace
	count          int
	held           int64                // bytes of all of it
	newestOf       column[refusalPlace] // by meter
	index          []refusalTable       // see find; a frozen state has none
}

// refusalPlace is a place in the pool, from 1 on; 0 is none.
type refusalPlace uint32

// keptRefusal is a refusal and its neighbours in two lists: that of all meters, which has two
// ends, and that of its meter, which is a ring.
type keptRefusal struct {
	coefficient  int64 // of its register
	slot         meter.Slot
	meter        Index
	older, newer refusalPlace // of all meters
	next         refusalPlace // of its meter: the one that came after it; the oldest, if none did
	ofMeter      uint16       // how many its meter has; only of the meter's newest
	scale        uint8        // of its register
	marks        refusalMarks
}

// refusalChunkSize makes a chunk as large as what is allocated for it.
const refusalChunkSize = 255

type refusalChunk struct {
	age age
	all [refusalChunkSize]keptRefusal
}

// What the pool takes, in bytes, as it is allocated.
const (
	refusalChunkBytes   = 8 << 10
	refusalSegmentBytes = 4864
	refusalPlaceBytes   = 4
)

func (k *keptRefusal) reading() Reading {
	register, _ := meter.RegisterFromParts(k.coefficient, k.scale)
	return Reading{k.meter, k.slot, register}
}

// is reports whether a refusal is that of a reading.
func (k *keptRefusal) is(of Reading) bool {
	coefficient, scale := of.Register.Parts()
	return k.coefficient == coefficient && k.slot == of.Slot && k.meter == of.Meter && k.scale == scale
}

func (k *keptRefusal) refusal() Refusal { return k.marks.of(k.reading()) }

// share returns the refusals as they are now, as long as ice covers them.
func (r *refusals) share() refusals {
	shared := *r
	shared.chunks, shared.newestOf, shared.index = slices.Clone(r.chunks), slices.Clone(r.newestOf), nil
	return shared
}

// at returns the entry of a place, to be read only.
func (r *refusals) at(p refusalPlace) *keptRefusal {
	return &r.chunks[(p-1)/refusalChunkSize].all[(p-1)%refusalChunkSize]
}

// change returns the entry of a place, to be changed.
func (r *refusals) change(p refusalPlace, ice ice) *keptRefusal {
	c := &r.chunks[(p-1)/refusalChunkSize]
	if ice.covers((*c).age) {
		ice.keeps(refusalChunkBytes)
		young := **c
		young.age = ice.age
		*c = &young
	}
	return &(*c).all[(p-1)%refusalChunkSize]
}

// add keeps a refusal as the newest. Of a meter that has as many as it may, the oldest goes.
// It reports false if the refusal is kept already.
func (r *refusals) add(n Refusal, ice ice) bool {
	if r.find(n.Reading) != 0 {
		return false
	}
	if last := r.newestOf.at(n.Meter); last != 0 && r.at(last).ofMeter == RefusedOfMeterMax {
		r.pushOut(r.at(last).next, ice)
	}
	p := r.allocate(ice)
	coefficient, scale := n.Register.Parts()
	kept := keptRefusal{
		coefficient: coefficient, scale: scale, slot: n.Slot, meter: n.Meter, marks: n.marks(),
		older: r.newest, next: p, ofMeter: 1,
	}
	if last := r.newestOf.at(n.Meter); last != 0 {
		before := r.change(last, ice)
		kept.next, kept.ofMeter, before.next = before.next, before.ofMeter+1, p
	}
	*r.change(p, ice) = kept
	if r.newest == 0 {
		r.oldest = p
	} else {
		r.change(r.newest, ice).newer = p
	}
	r.newest = p
	r.setNewestOf(n.Meter, p, ice)
	r.count++
	r.enter(p)
	return true
}

// allocate takes an unused place.
func (r *refusals) allocate(ice ice) refusalPlace {
	if r.free == 0 {
		r.chunks = append(r.chunks, &refusalChunk{age: ice.age})
		r.held += refusalChunkBytes
		end := refusalPlace(len(r.chunks) * refusalChunkSize)
		for p := end; p > end-refusalChunkSize; p-- {
			r.change(p, ice).newer, r.free = r.free, p
		}
	}
	p := r.free
	r.free = r.at(p).newer
	return p
}

func (r *refusals) setNewestOf(i Index, p refusalPlace, ice ice) {
	if at := int(i / segmentMeters); at >= len(r.newestOf) || r.newestOf[at] == nil {
		r.held += refusalSegmentBytes
	}
	r.newestOf.set(i, p, ice)
}

// pushOut forgets the oldest refusal of a meter for want of room.
func (r *refusals) pushOut(p refusalPlace, ice ice) {
	if k := r.change(p, ice); k.marks&refusalConflict == 0 {
		k.marks |= refusalLost
	}
	r.remove(p, ice)
}

// see marks a meter's refusals as seen by a person, and reports whether one that is no conflict
// was not.
func (r *refusals) see(i Index, ice ice) (news bool) {
	last := r.newestOf.at(i)
	for p := last; p != 0; {
		p = r.at(p).next
		if marks := r.at(p).marks; marks&refusalSeen == 0 {
			r.change(p, ice).marks |= refusalSeen
			news = news || marks&refusalConflict == 0
		}
		if p == last {
			break
		}
	}
	return news
}

// remove forgets the refusal of a place. When none is left, all memory is given back.
func (r *refusals) remove(p refusalPlace, ice ice) {
	if r.count == 1 {
		*r = refusals{}
		return
	}
	r.leave(p)
	gone := *r.at(p)
	r.unlinkOfMeter(p, gone, ice)
	if gone.older == 0 {
		r.oldest = gone.newer
	} else {
		r.change(gone.older, ice).newer = gone.newer
	}
	if gone.newer == 0 {
		r.newest = gone.older
	} else {
		r.change(gone.newer, ice).older = gone.older
	}
	*r.change(p, ice) = keptRefusal{newer: r.free}
	r.free = p
	r.count--
}

// unlinkOfMeter takes a refusal out of its meter's ring. The way to the one before it is short
// if it is the oldest, which it nearly always is.
func (r *refusals) unlinkOfMeter(p refusalPlace, gone keptRefusal, ice ice) {
	last := r.newestOf.at(gone.meter)
	left, before := r.at(last).ofMeter-1, last
	for r.at(before).next != p {
		before = r.at(before).next
	}
	if left == 0 {
		r.newestOf.set(gone.meter, 0, ice)
		return
	}
	r.change(before, ice).next = gone.next
	if gone.marks&refusalLost != 0 {
		r.change(gone.next, ice).marks |= refusalLost
	}
	if last == p {
		last = before
		r.newestOf.set(gone.meter, last, ice)
	}
	r.change(last, ice).ofMeter = left
}

// all yields the refusals of all meters, the oldest first.
func (r *refusals) all(yield func(Refusal) bool) {
	for p := r.oldest; p != 0; p = r.at(p).newer {
		if !yield(r.at(p).refusal()) {
			return
		}
	}
}

// of yields the refusals of one meter, the oldest first.
func (r *refusals) of(i Index) func(func(Refusal) bool) {
	return func(yield func(Refusal) bool) {
		last := r.newestOf.at(i)
		for p := last; p != 0; {
			if p = r.at(p).next; !yield(r.at(p).refusal()) || p == last {
				return
			}
		}
	}
}
