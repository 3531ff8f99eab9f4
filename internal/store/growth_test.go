package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"meterledger/internal/meter"
)

// TestMetersThatComeLaterDoNotMakeSlabsOfDaysThatWereNearlyEmpty takes a reading a day of one
// meter, and then, once its neighbours are registered, of one of these.
func TestMetersThatComeLaterDoNotMakeSlabsOfDaysThatWereNearlyEmpty(t *testing.T) {
	const days = 400
	g := grid{meters: 1}
	register, _ := meter.RegisterFromParts(1000, 3)
	for day := range uint32(days) {
		g.set(0, slotOf(16_000+day, 20), register)
	}
	g.meters = chunkMeters
	for day := range uint32(days) {
		g.set(chunkMeters-1, slotOf(16_000+day, 20), register)
	}
	if b := g.held; b.dense+b.sparse+b.promised > 2*days*GrowthMax {
		t.Errorf("%d readings take %+v", 2*days, b)
	}
	for day := range uint32(days) {
		for _, i := range []Index{0, chunkMeters - 1} {
			if got, there := g.at(i, slotOf(16_000+day, 20)); !there || got != register {
				t.Fatalf("meter %d on day %d: %v %v", i, day, got, there)
			}
		}
	}
	wantHeld(t, &g)
}

// TestMetersThatComeOneByOneStayDense registers a meter a day; each reports from then on.
func TestMetersThatComeOneByOneStayDense(t *testing.T) {
	g := grid{}
	register, _ := meter.RegisterFromParts(1000, 3)
	for day := range uint32(chunkMeters) {
		g.meters++
		for place := range meter.SlotsPerDay {
			for _, i := range rand.New(rand.NewPCG(1, uint64(day))).Perm(g.meters) {
				g.set(Index(i), slotOf(16_000+day, place), register)
			}
		}
	}
	if g.held.promised > 0 {
		t.Errorf("whole days are not dense: %+v", g.held)
	}
	wantHeld(t, &g)
}

// TestDaysThatWereDenseForOneMeterTakeNoMoreOnceTheyAreReadBack registers neighbours of a
// meter before the state is written down.
func TestDaysThatWereDenseForOneMeterTakeNoMoreOnceTheyAreReadBack(t *testing.T) {
	s := New()
	register := func(id string) []byte {
		return AppendAccount(nil, meter.Account{ID: meter.ID(id), RegisteredAt: time.Unix(0, 0)})
	}
	apply(t, s, register("first"))
	for day := range uint32(400) {
		apply(t, s, AppendReading(nil, Reading{Slot: slotOf(16_000+day, 20)}))
	}
	for n := range chunkMeters {
		apply(t, s, register(fmt.Sprint(n)))
	}
	was, frozen := s.Footprint().Sum(), s.Freeze()
	back, err := decodeState(encodeState(t, frozen))
	frozen.Thaw()
	if err != nil {
		t.Fatal(err)
	}
	if is := back.Footprint().Sum(); is > was*11/10 {
		t.Errorf("the state takes %d bytes instead of %d", is, was)
	}
}

// TestNoReadingsMakeAStoreGrowByMoreThanWasSaid compares what Growth says of some readings
// with what they do, while a frozen state is in use and while none is.
func TestNoReadingsMakeAStoreGrowByMoreThanWasSaid(t *testing.T) {
	const lists = 8 << 10 // that double once they are full
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 3))
		s, days := New(), []uint32{16_000, 16_001, 16_033, 16_001 + uint32(r.IntN(10))}
		var frozen *FrozenState
		for range 300 {
			if r.IntN(10) == 0 {
				for range 1 + r.IntN(60) {
					apply(t, s, AppendAccount(nil, meter.Account{ID: meter.ID(fmt.Sprint(len(s.accounts))), RegisteredAt: time.Unix(0, 0)}))
				}
			}
			if r.IntN(15) == 0 && frozen != nil {
				frozen.Thaw()
				frozen = nil
			} else if r.IntN(15) == 0 && frozen == nil {
				frozen = s.Freeze()
			}
			var some []Reading
			for range r.IntN(100) * min(len(s.accounts), 1) {
				some = append(some, Reading{Meter: Index(r.IntN(len(s.accounts))), Slot: slotOf(days[r.IntN(len(days))], r.IntN(48))})
			}
			was, said := s.Footprint().Sum(), s.Growth(some, true)
			apply(t, s, AppendReadings(nil, some, false))
			if grown := s.Footprint().Sum() - was; grown > said+said/8+lists {
				t.Fatalf("seed %d: frozen %v, meters %d: %d readings made the store grow by %d bytes, not by %d", seed, frozen != nil, len(s.accounts), len(some), grown, said)
			}
		}
	}
}

// TestTheFirstReadingsOfADayCountAsTheSlabsThatTheyMake fills a day, and asks for one reading
// a slab of the next.
func TestTheFirstReadingsOfADayCountAsTheSlabsThatTheyMake(t *testing.T) {
	const slabs = 4
	s := New()
	var some []Reading
	for i := range Index(slabs * chunkMeters) {
		apply(t, s, AppendAccount(nil, meter.Account{ID: meter.ID(fmt.Sprint(i)), RegisteredAt: time.Unix(0, 0)}))
	}
	for place := range 6 {
		for i := range Index(slabs * chunkMeters) {
			some = append(some, Reading{Meter: i, Slot: slotOf(16_000, place)})
		}
	}
	apply(t, s, AppendReadings(nil, some, false))
	some = some[:0]
	for n := range Index(slabs) {
		some = append(some, Reading{Meter: n * chunkMeters, Slot: slotOf(16_001, 0)})
	}
	was, said := s.Footprint().Sum(), s.Growth(some, true)
	apply(t, s, AppendReadings(nil, some, false))
	if grown := s.Footprint().Sum() - was; grown > said {
		t.Errorf("%d readings made the store grow by %d bytes, not by %d", slabs, grown, said)
	}
}

// TestWhatIsLeftOfAMeterTakesNoMoreThanItNeeds drops all days of strips but one.
func TestWhatIsLeftOfAMeterTakesNoMoreThanItNeeds(t *testing.T) {
	g := grid{meters: chunkMeters}
	for i := range Index(40) {
		for slot := slotOf(16_000, 0); slot < slotOf(16_032, 0); slot++ {
			g.set(i, slot, meter.Register{})
		}
	}
	was := g.held.sparse
	g.clear(meter.Window{From: slotOf(16_001, 0), To: slotOf(16_040, 0)})
	if g.held.sparse > was/8 {
		t.Errorf("a day of 32 takes %d bytes of %d", g.held.sparse, was)
	}
	wantHeld(t, &g)
}
