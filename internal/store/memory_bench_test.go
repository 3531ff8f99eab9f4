package store_test

import (
	"runtime"
	"runtime/metrics"
	"slices"
	"testing"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/store"
	"meterledger/internal/tools/households"
)

// BenchmarkMemory fills a store through Apply, as the ledger does, with the readings of
// some meters over some days, half hour by half hour. It measures bytes a reading,
// accounts included, and the CPU that the garbage collector takes for a cycle. Short
// sizes show that it works, and mean nothing.
func BenchmarkMemory(b *testing.B) { benchmarkMemory(b, 0) }

// BenchmarkMemoryExchanged is BenchmarkMemory with every hundredth meter exchanged in the middle
// of the time.
func BenchmarkMemoryExchanged(b *testing.B) { benchmarkMemory(b, 100) }

func benchmarkMemory(b *testing.B, exchanged int) {
	meters, days := 100_000, 31
	if testing.Short() {
		meters, days = 300, 2
	}
	population := loadPopulation(b, meters)
	for range b.N {
		before := heapBytes()
		s := store.New()
		registerPopulation(b, s, population)
		took := applyPopulation(b, s, dialed{population, exchanged, days * meter.SlotsPerDay / 2}, days*meter.SlotsPerDay)
		_, readings := s.Counts()
		heap := heapBytes() - before
		var collections []float64
		for range 5 {
			collections = append(collections, collectionCPU())
		}
		slices.Sort(collections)
		b.ReportMetric(float64(heap)/float64(readings), "B/reading")
		b.ReportMetric(float64(heap), "heap-B")
		b.ReportMetric(float64(took)/float64(readings), "ns/reading")
		b.ReportMetric(collections[len(collections)/2], "ms/collection")
		b.ReportMetric(float64(meters), "meters")
		b.ReportMetric(float64(days), "days")
		runtime.KeepAlive(s)
		runtime.KeepAlive(population) // it was there before the store
	}
}

func loadPopulation(b *testing.B, meters int) *households.Population {
	b.Helper()
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		b.Fatal(err)
	}
	homes, err := households.Load()
	if err != nil {
		b.Fatal(err)
	}
	population, err := households.NewPopulation("m-", meters, zone, homes)
	if err != nil {
		b.Fatal(err)
	}
	return population
}

func registerPopulation(b *testing.B, s *store.Store, p *households.Population) {
	b.Helper()
	for i := range p.Len() {
		account := meter.Account{ID: p.ID(i), OwnerName: "Tan Ah Kow", Address: "1 Orchard Road, Singapore", RegisteredAt: time.Unix(0, 0)}
		if _, err := s.Apply(store.AppendAccount(nil, account), store.Verdicts{}); err != nil {
			b.Fatal(err)
		}
	}
}

// dialed is a population of which every so many-th meter is exchanged after so many half hours;
// none if that is 0.
type dialed struct {
	*households.Population
	every, after int
}

func (p dialed) first() meter.Slot { return p.Since() + 6*365*meter.SlotsPerDay }

// append adds a reading to a batch, and the exchange before it.
func (p dialed) append(b []byte, i int, slot meter.Slot) []byte {
	at, register := p.first()+meter.Slot(p.after), p.Register(i, slot)
	if p.every > 0 && i%p.every == 0 && slot > at {
		old := p.Register(i, at)
		if slot == at+1 {
			b = store.AppendExchange(b, store.Index(i), meter.Change{At: at.Instant(), Kind: meter.Exchange, Old: old}, false)
		}
		register, _ = meter.ParseRegister(register.Total().Sub(old.Total()).String())
	}
	return store.AppendReading(b, store.Reading{Meter: store.Index(i), Slot: slot, Register: register})
}

// applyPopulation applies the readings of a population in batches, and returns how long
// Apply took for them.
func applyPopulation(b *testing.B, s *store.Store, p dialed, slots int) (took time.Duration) {
	b.Helper()
	const together = 4096
	first := p.first()
	var batch []byte
	var verdicts store.Verdicts
	for n := range slots * p.Len() {
		i, slot := n%p.Len(), first+meter.Slot(n/p.Len())
		batch = p.append(batch, i, slot)
		if (n+1)%together != 0 && n+1 != slots*p.Len() {
			continue
		}
		var err error
		started := time.Now()
		if verdicts, err = s.Apply(batch, verdicts); err != nil {
			b.Fatal(err)
		}
		took += time.Since(started)
		batch = batch[:0]
	}
	return took
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
