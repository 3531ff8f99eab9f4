package store_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// TestWhatAStoreSaysItTakesIsWhatTheHeapTakes fills stores in many ways, with texts of all
// lengths, and registers of any number of digits.
func TestWhatAStoreSaysItTakesIsWhatTheHeapTakes(t *testing.T) {
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 5))
		before := heapBytes()
		s := store.New()
		meters := 2000 + r.IntN(3000)
		batch := store.AppendLevel(nil, store.LevelNewest)
		for i := range meters {
			batch = store.AppendAccount(batch, meter.Account{
				ID: meter.ID(fmt.Sprint("m-", i)), OwnerName: strings.Repeat("n", r.IntN(200)), Address: strings.Repeat("a", r.IntN(500)), RegisteredAt: time.Unix(0, 0),
			})
		}
		add := func(i, slot int, wide bool) {
			digits := int64(slot) * 250
			if wide {
				digits = int64(slot)*1_000_000_007_003 + r.Int64N(1_000_000_000)
			}
			register, ok := meter.RegisterFromParts(digits, 6)
			if !ok {
				t.Fatal(digits)
			}
			batch = store.AppendReading(batch, store.Reading{Meter: store.Index(i), Slot: meter.Slot(slot), Register: register})
			if len(batch) < 1<<16 {
				return
			}
			if _, err := s.Apply(batch, store.Verdicts{}); err != nil {
				t.Fatal(err)
			}
			batch = batch[:0]
		}
		every, wide := 1+r.IntN(8), 1+r.IntN(4)
		for day := range 20 {
			for place := 0; place < 48; place += every {
				for i := range meters {
					add(i, sparseStart+48*day+place, i%wide == 1)
				}
			}
		}
		for range 100_000 { // some far, some late
			add(r.IntN(meters), sparseStart+r.IntN(48*2000), false)
		}
		frozen := s.Freeze()
		for i := range meters {
			add(i, sparseStart+48*(2000+i%50), i%wide == 1)
		}
		frozen.Thaw()
		refused := make([]store.Refusal, 60_000) // some of many meters, many of few
		for n := range refused {
			i := store.Index(r.IntN(meters) % (1 + n*meters/len(refused)))
			refused[n].Reading = store.Reading{Meter: i, Slot: meter.Slot(sparseStart + r.IntN(10_000))}
		}
		batch = store.AppendRefusals(batch, 50_000, refused)
		if _, err := s.Apply(batch, store.Verdicts{}); err != nil {
			t.Fatal(err)
		}
		batch, frozen, refused = nil, nil, nil
		heap, f := heapBytes()-before, s.Footprint()
		ratio := float64(f.Sum()-f.Promised) / float64(heap)
		t.Logf("seed %d, %d meters, every %d, wide %d: %.3f of %d MiB, %+v", seed, meters, every, wide, ratio, heap>>20, f)
		if ratio < 0.9 || ratio > 1.1 {
			t.Errorf("the store says %.3f of what it takes", ratio)
		}
		runtime.KeepAlive(s)
	}
}
