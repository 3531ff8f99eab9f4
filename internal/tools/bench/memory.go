package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/store"
	"meterledger/internal/tools/households"
)

// bareBlock is a block of the grid, by the readings in it: 112 bytes for 48.
const bareBlock = 112.0 / meter.SlotsPerDay

// gcCPUMax is how much CPU one cycle of the garbage collector may take.
const gcCPUMax = 20 // ms

// memory measures a store of many meters: bytes a reading, and what the garbage
// collector has to do for it.
func memory(ctx context.Context, b *bench) ([]line, error) {
	meters, days := b.sizes.memoryMeters, b.sizes.memoryDays
	got, err := child[storeMeasured](ctx, b, memoryName, meters, days)
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("%s meters x %d days", count(meters), days)
	bytes := float64(got.HeapBytes) / float64(got.Readings)
	return []line{
		{
			What: "memory a reading, " + what, FloorIs: "the bare block",
			Floor: of(bareBlock, "B"), Ours: of(bytes, "B"), Ratio: new(bytes / bareBlock), aim: atMost(3, "B"),
			Note: fmt.Sprintf("the whole heap after a collection, %s bytes, accounts included; store.Apply took %s ns a reading",
				count(got.HeapBytes), number(got.NanosecondsApply)),
		},
		{
			What: "CPU of a garbage collection, " + what,
			Ours: medianOf("ms", got.CollectionsMS), aim: atMost(gcCPUMax, "ms"),
		},
	}, nil
}

// memoryName is the name of the program that fills a store.
const memoryName = "memory"

// storeMeasured is what that program measures.
type storeMeasured struct {
	Readings         uint64
	HeapBytes        uint64    // after a collection, less what there was before the store
	NanosecondsApply float64   // of each reading
	CollectionsMS    []float64 // CPU of a collection, each
}

// runMemory fills a store through Apply, as the ledger does, with the readings of
// some meters over some days, half hour by half hour.
func runMemory(_ context.Context, args []string) error {
	sizes, err := numbers(args, 2)
	if err != nil {
		return err
	}
	meters, slots := sizes[0], sizes[1]*meter.SlotsPerDay
	population, err := loadPopulation(meters)
	if err != nil {
		return err
	}
	var got storeMeasured
	before := heapBytes()
	s := store.New()
	if err := registerAll(s, population); err != nil {
		return err
	}
	took, err := applyAll(s, population, slots)
	if err != nil {
		return err
	}
	_, got.Readings = s.Counts()
	got.NanosecondsApply = float64(took) / float64(got.Readings)
	got.HeapBytes = heapBytes() - before
	for range 5 {
		got.CollectionsMS = append(got.CollectionsMS, collectionCPU())
	}
	runtime.KeepAlive(s)
	runtime.KeepAlive(population) // it was there before the store
	return tell(got)
}

func loadPopulation(meters int) (*households.Population, error) {
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		return nil, err
	}
	homes, err := households.Load()
	if err != nil {
		return nil, err
	}
	return households.NewPopulation("m-", meters, zone, homes)
}

func registerAll(s *store.Store, p *households.Population) error {
	for i := range p.Len() {
		account := meter.Account{ID: p.ID(i), OwnerName: "Tan Ah Kow", Address: "1 Orchard Road, Singapore", RegisteredAt: time.Unix(0, 0)}
		if _, err := s.Apply(store.AppendAccount(nil, account), nil); err != nil {
			return err
		}
	}
	return nil
}

// applyAll applies the readings of a population in batches, and returns how long
// Apply took for them.
func applyAll(s *store.Store, p *households.Population, slots int) (took time.Duration, err error) {
	const together = 4096
	first := p.Since() + 6*365*meter.SlotsPerDay
	var batch []byte
	var verdicts []store.Verdict
	for n := range slots * p.Len() {
		i, slot := n%p.Len(), first+meter.Slot(n/p.Len())
		batch = store.AppendReading(batch, store.Reading{Meter: store.Index(i), Slot: slot, Register: p.Register(i, slot)})
		if (n+1)%together != 0 && n+1 != slots*p.Len() {
			continue
		}
		started := time.Now()
		if verdicts, err = s.Apply(batch, verdicts[:0]); err != nil {
			return took, err
		}
		took += time.Since(started)
		batch = batch[:0]
	}
	return took, nil
}

// heapBytes returns what is reachable on the heap, as it is allocated.
func heapBytes() uint64 {
	runtime.GC()
	runtime.GC() // what finalizers let go of in the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// collectionCPU returns the CPU time of one collection, in milliseconds.
func collectionCPU() float64 {
	sample := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}}
	metrics.Read(sample)
	before := sample[0].Value.Float64()
	runtime.GC()
	metrics.Read(sample)
	return (sample[0].Value.Float64() - before) * 1000
}
