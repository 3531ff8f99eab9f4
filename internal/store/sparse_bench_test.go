package store_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// BenchmarkSparse measures what readings take that lie far apart or come late, the time
// that they cost, and by how much a store that is read back takes more than the one that
// was written down. Short sizes show that it works, and mean nothing.
func BenchmarkSparse(b *testing.B) {
	full := sparseSizes{meters: 100_000, many: 500_000, days: 16 * 365, months: 3, touched: 10 * 365}
	if testing.Short() {
		full = sparseSizes{meters: 1000, many: 2000, days: 3000, months: 3, touched: 30}
	}
	for range b.N {
		m := sparseBench{B: b, sparseSizes: full, counted: [2]float64{math.Inf(1), 0}}
		m.every256th()
		m.oneMeter()
		m.lateReading()
		m.lateMeters()
		m.neighbours()
		m.freeze()
		b.ReportMetric(m.replay, "x-replay")
		b.ReportMetric(m.counted[0], "x-counted-min")
		b.ReportMetric(m.counted[1], "x-counted-max")
	}
}

type sparseSizes struct {
	meters, many  int // that are registered
	days, touched int
	months        int
}

type sparseBench struct {
	*testing.B
	sparseSizes

	replay  float64    // memory after a replay, in units of that before, the most
	counted [2]float64 // what the store says it takes, in units of what it does: the least and the most
}

// sparseStart is the first half hour of readings: of 2010.
const sparseStart = 48 * 14610

func (m *sparseBench) registered(meters int) func() *store.Store {
	return func() *store.Store { return m.store(meters) }
}

func (m *sparseBench) store(meters int) *store.Store {
	s := store.New()
	batch := store.AppendLevel(nil, store.LevelNewest)
	for i := range meters {
		batch = store.AppendAccount(batch, meter.Account{ID: meter.ID(fmt.Sprint("m-", i)), OwnerName: "Tan Ah Kow", Address: "1 Orchard Road", RegisteredAt: time.Unix(0, 0)})
		if len(batch) > 1<<16 || i == meters-1 {
			m.apply(s, batch)
			batch = batch[:0]
		}
	}
	return s
}

func (m *sparseBench) apply(s *store.Store, batch []byte) {
	verdicts, err := s.Apply(batch, store.Verdicts{})
	if err != nil {
		m.Fatal(err)
	}
	for _, v := range verdicts.Others() {
		m.Fatalf("an entry came to %d", v.Outcome)
	}
}

func (m *sparseBench) take(s *store.Store, i int, slot int) {
	register, _ := meter.RegisterFromParts(int64(slot)*250, 3)
	m.apply(s, store.AppendReading(nil, store.Reading{Meter: store.Index(i), Slot: meter.Slot(slot), Register: register}))
}

// world fills a store, returns by how many bytes that made it grow, and compares it with
// the same one, replayed.
func (m *sparseBench) world(prepare func() *store.Store, fill func(*store.Store)) (grown float64) {
	before := heapBytes()
	s := prepare()
	prepared := heapBytes()
	fill(s)
	filled := heapBytes()
	var state [][]byte
	frozen := s.Freeze()
	if err := frozen.Encode(func(record []byte) error { state = append(state, slices.Clone(record)); return nil }); err != nil {
		m.Fatal(err)
	}
	frozen.Thaw()
	written, d := heapBytes(), store.NewStateDecoder()
	for _, record := range state {
		if err := d.Decode([][]byte{record}); err != nil {
			m.Fatal(err)
		}
	}
	replayed := heapBytes()
	m.replay = max(m.replay, float64(replayed-written)/float64(filled-before))
	f := s.Footprint()
	counted := float64(f.Sum()-f.Promised) / float64(filled-before)
	m.counted = [2]float64{min(m.counted[0], counted), max(m.counted[1], counted)}
	runtime.KeepAlive([]any{s, state, d})
	return float64(filled) - float64(prepared)
}

// every256th takes a reading a day of every 256th meter, in any order.
func (m *sparseBench) every256th() {
	n := m.meters / 256 * m.days
	grown := m.world(m.registered(m.meters), func(s *store.Store) {
		for _, k := range rand.New(rand.NewPCG(1, 2)).Perm(n) {
			m.take(s, k/m.days*256, sparseStart+k%m.days*meter.SlotsPerDay)
		}
	})
	m.ReportMetric(grown/float64(n), "B/256th")
}

// oneMeter takes a reading a day of one meter among many.
func (m *sparseBench) oneMeter() {
	grown := m.world(m.registered(m.many), func(s *store.Store) {
		for day := range m.days {
			m.take(s, m.many/2, sparseStart+day*meter.SlotsPerDay)
		}
	})
	m.ReportMetric(grown/float64(m.days), "B/one-meter")
}

// closed returns a store with closed months, of which only some meters have rows, one each
// half hour but for the last.
func (m *sparseBench) closed(meters [][]int) *store.Store {
	s := m.store(m.meters)
	for i := range m.meters { // each has sent something before
		m.take(s, i, sparseStart)
	}
	for n, late := range meters {
		name, window := lateMonth(n)
		h := store.Hold{ID: store.HoldID{Term: store.Alone.Number, Incarnation: 1, Number: uint64(n + 1)}, Window: window}
		var part []store.SummaryOf
		for _, i := range late {
			rows := lateRows(n)
			part = append(part, store.SummaryOf{Meter: store.Index(i), Summary: store.Summary{Count: uint16(len(rows)), First: rows[0], Last: rows[len(rows)-1]}})
		}
		batch := store.AppendSummaries(store.AppendUnder(store.AppendHold(nil, h), h.ID), name, part)
		batch = store.AppendClose(store.AppendUnder(batch, h.ID), store.MonthArchive{Month: name, Window: window, Revision: 1})
		m.apply(s, store.AppendFree(batch, h.ID))
	}
	return s
}

// lateSlots are the half hours of a month.
const lateSlots = 31 * meter.SlotsPerDay

func lateMonth(n int) (meter.Month, meter.Window) {
	from := meter.Slot(sparseStart + n*lateSlots)
	return meter.Month{Year: 2010, Month: time.January}.Add(n), meter.Window{From: from, To: from + lateSlots}
}

// lateRows are the rows of a meter in a month's file.
func lateRows(n int) (rows []meter.Point) {
	_, w := lateMonth(n)
	for slot := w.From; slot < w.To-1; slot++ {
		register, _ := meter.RegisterFromParts(int64(slot)*250, 3)
		rows = append(rows, meter.Point{Slot: slot, Register: register})
	}
	return rows
}

// late returns what meters take that send the last reading of closed months.
func (m *sparseBench) late(meters [][]int) (grown float64) {
	return m.world(func() *store.Store { return m.closed(meters) }, func(s *store.Store) {
		for n, late := range meters {
			name, window := lateMonth(n)
			rows := lateRows(n)
			for _, i := range late {
				m.apply(s, store.AppendRecall(nil, name, 1, store.Index(i), rows))
				m.take(s, i, int(window.To)-1)
			}
		}
	})
}

// lateReading takes late readings of meters that share nothing.
func (m *sparseBench) lateReading() {
	var far []int
	for i := 0; i < m.meters; i += 512 {
		far = append(far, i)
	}
	m.ReportMetric(m.late([][]int{far})/float64(len(far)), "B/late")
}

// lateMeters takes late readings of a hundredth of the meters for each of some months.
func (m *sparseBench) lateMeters() {
	r := rand.New(rand.NewPCG(1, 2))
	var late [][]int
	for range m.months {
		late = append(late, r.Perm(m.meters)[:m.meters/100])
	}
	rows := float64(m.months * (m.meters / 100) * lateSlots)
	m.ReportMetric(m.late(late)/rows/2.48, "x-late-rows")
}

// neighbours judges late readings of meters with a month of readings, beside one meter
// that has one of 2010.
func (m *sparseBench) neighbours() {
	const last = sparseStart + 16*365*meter.SlotsPerDay
	s := m.store(m.meters)
	m.take(s, 0, sparseStart)
	for i := range m.meters {
		m.take(s, i, last)
	}
	register, _ := meter.RegisterFromParts(1, 3)
	const times = 1000
	shortest := time.Duration(math.MaxInt64)
	for round := range 200 {
		began := time.Now()
		for n := range times {
			i := 1 + (round*times+n)*7919%(m.meters-1)
			if v := s.Judge(store.Reading{Meter: store.Index(i), Slot: last - 1, Register: register}, false); v.Outcome != store.Accepted {
				m.Fatal(v)
			}
		}
		shortest = min(shortest, time.Since(began))
	}
	m.ReportMetric(float64(shortest.Nanoseconds())/times, "ns/late")
}

// freeze freezes a store of many meters, of which every 256th has a reading a day.
func (m *sparseBench) freeze() {
	s := m.store(m.many)
	for i := 0; i < m.many; i += 256 {
		var batch []byte
		for day := range m.touched {
			register, _ := meter.RegisterFromParts(int64(day), 3)
			batch = store.AppendReading(batch, store.Reading{Meter: store.Index(i), Slot: meter.Slot(sparseStart + day*meter.SlotsPerDay), Register: register})
		}
		m.apply(s, batch)
	}
	began := time.Now()
	frozen := s.Freeze()
	m.ReportMetric(float64(time.Since(began).Microseconds())/1000, "ms/freeze")
	frozen.Thaw()
}
