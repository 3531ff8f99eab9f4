package store

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"meterledger/internal/meter"
)

// worlds are how many meters make a day dense: by the rule, all days are, as it comes, or
// none is.
var worlds = []uint8{0, 1, 2, 3, 255}

// gridModel is a grid, the plainest way.
type gridModel map[Index]map[meter.Slot]meter.Register

func (m gridModel) within(i Index, w meter.Window) []meter.Point {
	var points []meter.Point
	for _, slot := range slices.Sorted(maps.Keys(m[i])) {
		if w.Contains(slot) {
			points = append(points, meter.Point{Slot: slot, Register: m[i][slot]})
		}
	}
	return points
}

func drawRegister(t *rapid.T) meter.Register {
	digits := rapid.OneOf(
		rapid.Int64Range(0, 100_000),                     // a home at a resolution of 1 Wh
		rapid.Int64Range(0, 999_999_999_999_999_999),     // any size
		rapid.Just[int64](999_999_999_999_999_999),       // the largest
		rapid.Int64Range(1_000_000_000, 1_000_100_000),   // a large register that moves little
		rapid.SampledFrom([]int64{0, 65_535, 65_536, 1}), // the edges of an offset
	).Draw(t, "digits")
	register, ok := meter.RegisterFromParts(digits, rapid.SampledFrom([]uint8{0, 3, 3, 3, 7, 9}).Draw(t, "scale"))
	if !ok {
		t.Fatalf("%d is no register", digits)
	}
	return register
}

func drawIndex(t *rapid.T) Index {
	return rapid.SampledFrom([]Index{0, 1, 255, 256, 1000}).Draw(t, "meter")
}

func drawGridSlot(t *rapid.T) meter.Slot {
	return meter.Slot(rapid.IntRange(48*20_000-100, 48*20_000+100).Draw(t, "slot"))
}

func drawWindow(t *rapid.T) meter.Window {
	a, b := drawGridSlot(t), drawGridSlot(t)
	return meter.Window{From: min(a, b), To: max(a, b)}
}

func TestGridKeepsEveryRegisterToTheDigit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := grid{always: rapid.SampledFrom(worlds).Draw(t, "world")}
		model := make(gridModel)
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				i, slot, register := drawIndex(t), drawGridSlot(t), drawRegister(t)
				if _, taken := model[i][slot]; taken {
					return
				}
				if model[i] == nil {
					model[i] = make(map[meter.Slot]meter.Register)
				}
				g.meters = max(g.meters, int(i)+1) // it is registered when it is needed
				g.set(i, slot, register)
				model[i][slot] = register
			},
			"drop": func(t *rapid.T) {
				i, slot := drawIndex(t), drawGridSlot(t)
				if _, taken := model[i][slot]; taken {
					g.drop(i, slot)
					delete(model[i], slot)
				}
			},
			"clear": func(t *rapid.T) {
				w := drawWindow(t)
				var want uint64
				for i := range model {
					want += uint64(len(model.within(i, w)))
					maps.DeleteFunc(model[i], func(s meter.Slot, _ meter.Register) bool { return w.Contains(s) })
				}
				if got := g.clear(w); got != want {
					t.Fatalf("cleared %d, want %d", got, want)
				}
			},
			"": func(t *rapid.T) {
				compareGrid(t, &g, model)
				wantHeld(t, &g)
			},
		})
	})
}

func compareGrid(t *rapid.T, g *grid, model gridModel) {
	i, slot, w := drawIndex(t), drawGridSlot(t), drawWindow(t)
	points := model.within(i, w)
	if got := g.appendPoints(nil, i, w); !slices.Equal(got, points) {
		t.Fatalf("points of %d in %v:\n got %v\nwant %v", i, w, got, points)
	}
	span := Span{Count: len(points)}
	if len(points) > 0 {
		span.First, span.Last = points[0], points[len(points)-1]
	}
	if got := g.span(i, w); !reflect.DeepEqual(got, span) {
		t.Fatalf("span of %d in %v: got %v, want %v", i, w, got, span)
	}
	register, ok := g.at(i, slot)
	if want, there := model[i][slot]; ok != there || register != want {
		t.Fatalf("at %d: got %v %v, want %v %v", slot, register, ok, want, there)
	}
	before := model.within(i, meter.Window{From: 0, To: slot - 1})
	comparePoint(t, "before", before, len(before)-1, g.before, i, slot)
	comparePoint(t, "after", model.within(i, meter.Window{From: slot + 1, To: slot + 1_000_000}), 0, g.after, i, slot)
}

func comparePoint(t *rapid.T, what string, candidates []meter.Point, place int, find func(Index, meter.Slot) (meter.Point, bool), i Index, slot meter.Slot) {
	got, ok := find(i, slot)
	if ok != (len(candidates) > 0) || ok && got != candidates[place] {
		t.Fatalf("%s %d: got %v %v, want one of %v", what, slot, got, ok, candidates)
	}
}

func TestHomeTakesOneBlockADayAndNothingElse(t *testing.T) {
	g := grid{meters: 2}
	for i := range Index(2) {
		for place := range meter.SlotsPerDay {
			register, _ := meter.RegisterFromParts(1_234_567+int64(place)*900, 3) // 43 kWh a day at 1 Wh
			g.set(i, slotOf(20_000, place), register)
		}
	}
	c, b := g.find(0, 20_000)
	if b.isWide() || len(c.wide) != 0 {
		t.Error("the day of a home became wide")
	}
}

// wantHeld counts what a grid takes, and looks for days that are dense and in strips,
// or counted wrongly.
func wantHeld(t rapid.TB, g *grid) {
	var held gridBytes
	for _, l := range g.lanes {
		held.sparse += l.bytes()
		for _, tile := range l.tiles {
			bytes := tile.bytes()
			held.add(&bytes, 1)
			var counts [tileDays]uint8
			strips := int64(0)
			for i := range tile.meters {
				s := tile.strip(i)
				strips += int64(cap(s))
				for day := range counts {
					counts[day] += uint8(s.days() >> day & 1)
				}
				if s.days() == 0 || s.days()&tile.dense != 0 {
					t.Fatalf("a strip of the days %b, of which %b are dense", s.days(), tile.dense)
				}
			}
			if counts != tile.counts || strips != tile.held {
				t.Fatalf("counts %v and %d bytes, want %v and %d", tile.counts, tile.held, counts, strips)
			}
			if tile.empty() {
				t.Fatal("an empty tile is kept")
			}
		}
	}
	if held != g.held {
		t.Fatalf("%v bytes are held, want %v", g.held, held)
	}
}
