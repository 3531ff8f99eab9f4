package store

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"meterledger/internal/faulttest"
	"meterledger/internal/meter"
)

// TestALongLifeOfTheGridIsThatOfANaiveMap sets, recalls, drops, freezes and reads back, at
// any time from 2000 to 2100, while meters are registered. With PROOFS=whole it takes a
// minute.
func TestALongLifeOfTheGridIsThatOfANaiveMap(t *testing.T) {
	lives, steps := uint64(5), 150
	if faulttest.Whole() {
		lives, steps = 8, 1500
	}
	for seed := range lives {
		l := newGridLife(t, seed)
		for range steps {
			l.step()
		}
		l.thaw()
		l.compareAll(&l.s.grid, l.model)
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

type gridLife struct {
	*testing.T
	*rand.Rand

	s      *Store
	model  gridModel
	always uint8
	around uint32 // the day around which most happens

	frozen *FrozenState
	then   gridModel // when it was frozen
}

func newGridLife(t *testing.T, seed uint64) *gridLife {
	l := &gridLife{T: t, Rand: rand.New(rand.NewPCG(seed, 7)), s: New(), model: make(gridModel)}
	l.always = worlds[seed%uint64(len(worlds))]
	l.s.grid.always = l.always
	l.register(1 + l.IntN(40))
	return l
}

func (l *gridLife) register(n int) {
	for range n {
		l.s.register(meter.Account{ID: meter.ID(fmt.Sprint(len(l.s.accounts))), RegisteredAt: time.Unix(0, 0)})
	}
}

// slotsFrom2000 is how many half hours there are from 2000 to 2100, and firstOf2000 the
// first of them.
const (
	slotsFrom2000 = 36_525 * meter.SlotsPerDay
	firstOf2000   = 10_957 * meter.SlotsPerDay
)

func (l *gridLife) slot() meter.Slot {
	if l.IntN(20) == 0 {
		return meter.Slot(firstOf2000 + l.IntN(slotsFrom2000))
	}
	return slotOf(l.around+uint32(l.IntN(3)), l.IntN(meter.SlotsPerDay))
}

func (l *gridLife) index() Index { return Index(l.IntN(len(l.s.accounts))) }

func (l *gridLife) set(i Index, slot meter.Slot) {
	if _, taken := l.model[i][slot]; taken {
		return
	}
	digits, scale := int64(l.IntN(60_000)), uint8(3)
	switch l.IntN(30) {
	case 0:
		digits, scale = l.Int64N(999_999_999_999_999_999), uint8(l.IntN(10))
	case 1:
		scale = uint8(l.IntN(7))
	}
	register, ok := meter.RegisterFromParts(digits, scale)
	if !ok {
		return
	}
	l.s.record(i, meter.Point{Slot: slot, Register: register})
	put(l.model, i, meter.Point{Slot: slot, Register: register})
}

func (l *gridLife) step() {
	switch n := l.IntN(100); {
	case n < 3:
		l.around = uint32(firstOf2000/meter.SlotsPerDay + l.IntN(36_500))
	case n < 40: // some meters' half hour
		slot := l.slot()
		for i := range Index(len(l.s.accounts)) {
			if l.IntN(4) > 0 {
				l.set(i, slot)
			}
		}
	case n < 60:
		l.set(l.index(), l.slot())
	case n < 68: // a meter's month is recalled
		i, first := l.index(), l.slot()
		for slot := first; slot < first+31*meter.SlotsPerDay; slot += meter.Slot(1 + l.IntN(40)) {
			l.set(i, slot)
		}
	case n < 74:
		l.drop()
	case n < 80:
		l.thaw()
		l.frozen, l.then = l.s.Freeze(), make(gridModel)
		for i, of := range l.model {
			l.then[i] = maps.Clone(of)
		}
	case n < 84:
		l.thaw()
	case n < 87:
		l.readBack()
	case n < 89 && len(l.s.accounts) < 600:
		l.register(1 + l.IntN(100))
	case n < 95:
		l.unrecord(l.index())
	}
	l.compare(&l.s.grid, l.model, l.index())
	wantHeld(l.T, &l.s.grid)
}

func (l *gridLife) window() meter.Window {
	from := l.slot()
	return meter.Window{From: from, To: from + meter.Slot(l.IntN([]int{40, 3000, 90_000}[l.IntN(3)]))}
}

func (l *gridLife) drop() {
	w, want := l.window(), uint64(0)
	for i := range l.model {
		want += uint64(len(l.model.within(i, w)))
		maps.DeleteFunc(l.model[i], func(s meter.Slot, _ meter.Register) bool { return w.Contains(s) })
	}
	if any := l.s.grid.any(w); any != (want > 0) {
		l.Errorf("any is %v, there are %d", any, want)
	}
	got := l.s.grid.clear(w)
	if l.s.readings -= got; got != want {
		l.Errorf("dropped %d, want %d", got, want)
	}
	for i := range Index(len(l.s.accounts)) {
		latest, _ := l.s.grid.before(i, slotMax)
		l.s.latest.set(i, latest, l.s.grid.ice)
	}
}

// unrecord takes back some of a meter's readings, mostly the latest too.
func (l *gridLife) unrecord(i Index) {
	points := l.model.within(i, meter.Window{To: slotMax})
	points = points[l.IntN(len(points)+1):]
	for _, p := range points[:min(len(points), 100)] {
		l.s.unrecord(i, p.Slot)
		delete(l.model[i], p.Slot)
	}
	latest, _ := l.s.grid.before(i, slotMax)
	if l.s.latest.at(i) != latest {
		l.Fatalf("the latest reading of meter %d is %v, want %v", i, l.s.latest.at(i), latest)
	}
}

func (l *gridLife) thaw() {
	if l.frozen == nil {
		return
	}
	l.compareAll(&l.frozen.grid, l.then)
	back, err := decodeState(encodeState(l.T, l.frozen))
	if err != nil {
		l.Fatal(err)
	}
	l.compareAll(&back.grid, l.then)
	l.frozen.Thaw()
	l.frozen = nil
}

// readBack goes on with the state as it is read back.
func (l *gridLife) readBack() {
	l.thaw()
	frozen := l.s.Freeze()
	back, err := decodeState(encodeState(l.T, frozen))
	if err != nil {
		l.Fatal(err)
	}
	l.s = back
	l.s.grid.always = l.always
}

func (l *gridLife) compareAll(g *grid, model gridModel) {
	for i := range Index(len(l.s.accounts)) {
		l.compare(g, model, i)
	}
}

func (l *gridLife) compare(g *grid, model gridModel, i Index) {
	whole, w, slot := meter.Window{To: slotMax}, l.window(), l.slot()
	all := model.within(i, whole)
	points := model.within(i, w)
	if got := g.appendPoints(nil, i, whole); !slices.Equal(got, all) {
		l.Fatalf("of meter %d there are %v, want %v", i, got, all)
	}
	if got := g.appendPoints(nil, i, w); !slices.Equal(got, points) {
		l.Fatalf("of meter %d there are %v in %v, want %v", i, got, w, points)
	}
	span := Span{Count: len(points)}
	if len(points) > 0 {
		span.First, span.Last = points[0], points[len(points)-1]
	}
	if got := g.span(i, w); !reflect.DeepEqual(got, span) {
		l.Fatalf("the span of meter %d in %v is %v, want %v", i, w, got, span)
	}
	place, there := slices.BinarySearchFunc(all, slot, meter.BySlot)
	if got, ok := g.at(i, slot); ok != there || ok && got != all[place].Register {
		l.Fatalf("meter %d at %d: %v %v", i, slot, got, ok)
	}
	if got, ok := g.before(i, slot); ok != (place > 0) || ok && got != all[place-1] {
		l.Fatalf("meter %d before %d: %v %v of %v", i, slot, got, ok, all)
	}
	if there {
		place++
	}
	if got, ok := g.after(i, slot); ok != (place < len(all)) || ok && got != all[place] {
		l.Fatalf("meter %d after %d: %v %v of %v", i, slot, got, ok, all)
	}
}
