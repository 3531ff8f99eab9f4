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
	register, _ := meter.KWhFromParts(1000, 3)
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
	register, _ := meter.KWhFromParts(1000, 3)
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
