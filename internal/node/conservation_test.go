package node_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"meterledger/internal/archive"
	"meterledger/internal/closing"
	"meterledger/internal/meter"
)

// TestEnergyIsConserved looks past the queries, at the files and the memory.
func TestEnergyIsConserved(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := &bench{t: t, fs: vfs.NewCrashableMem(), zone: loadZone(t, "Europe/London"), now: now}
		b.open()
		m := &machine{b, newModel(b.zone)}
		defer func() { m.close() }()
		for range machineMeters {
			m.registerOne(rt)
		}
		rt.Repeat(map[string]func(*rapid.T){
			"record":  m.recordOne,
			"backlog": m.recordBacklog,
			"month":   m.archiveMonth,
			"day":     m.archiveDay,
			"restart": func(rt *rapid.T) {
				m.compress = rapid.Bool().Draw(rt, "compress")
				m.restart()
			},
			"snapshot": func(*rapid.T) { m.snapshot() },
			"crash":    func(*rapid.T) { m.kill() },
		})
		m.settle(rt)
		m.wantEachReadingOnce(rt)
		for id := range m.model.readings {
			m.wantBillsToAddUp(rt, id)
		}
	})
}

// settle closes every closed month again, so that what came late is archived, and
// no copy is in memory of rows that a refused late reading was judged by.
func (m *machine) settle(rt *rapid.T) {
	for _, listed := range m.Status().Archives {
		if listed.Period.IsMonth() {
			if run := m.maintain(closing.Request{Kind: closing.Monthly, Month: listed.Period.CalendarMonth()}); run.Err != nil {
				rt.Fatal(run.Err)
			}
		}
	}
	m.kill()
}

// wantEachReadingOnce wants what was accepted either in memory or in the file of
// its month, as it was accepted.
func (m *machine) wantEachReadingOnce(rt *rapid.T) {
	places := make(map[meter.ID]map[meter.Slot]int)
	note := func(r meter.Reading) {
		want, accepted := m.model.readings[r.Meter][r.Slot]
		if !accepted || !want.Equal(r.Register.Decimal()) {
			rt.Fatalf("%s holds %v kWh at %s, accepted were %v", r.Meter, r.Register, m.zone.Stamp(r.Slot), want)
		}
		if places[r.Meter] == nil {
			places[r.Meter] = make(map[meter.Slot]int)
		}
		places[r.Meter][r.Slot]++
	}
	m.eachFileRow(rt, note)
	for id := range m.model.readings {
		for _, p := range m.PointsInMemory(id) {
			note(meter.Reading{Meter: id, Slot: p.Slot, Register: p.Register})
		}
	}
	for id, readings := range m.model.readings {
		for slot := range readings {
			if n := places[id][slot]; n != 1 {
				rt.Fatalf("the reading of %s at %s is held %d times", id, m.zone.Stamp(slot), n)
			}
		}
	}
}

func (m *machine) eachFileRow(rt *rapid.T, note func(meter.Reading)) {
	folder, err := archive.OpenFolder(m.fs, "Archive", m.zone)
	if err != nil {
		rt.Fatal(err)
	}
	names, err := folder.Files()
	if err != nil {
		rt.Fatal(err)
	}
	for _, name := range names {
		if !strings.HasPrefix(name, "monthly_") {
			continue
		}
		if _, both, err := folder.Left(name); both || err != nil {
			rt.Fatalf("%s is there in two forms, %v", name, err)
		}
		file, err := folder.OpenText(name)
		if err != nil {
			rt.Fatal(err)
		}
		rows, err := meter.NewCSVReader(file, m.zone)
		for err == nil {
			var r meter.Row
			if r, err = rows.Next(); err == nil {
				note(meter.Reading{Meter: meter.ID(r.Meter), Slot: r.Slot, Register: r.Register})
			}
		}
		if !errors.Is(err, io.EOF) || file.Close() != nil {
			rt.Fatal(err)
		}
	}
}

// wantBillsToAddUp wants the bills of a meter's closed months to open where the
// ones before them closed, and to come to what its register advanced.
func (m *machine) wantBillsToAddUp(rt *rapid.T, id meter.ID) {
	total := decimal.Zero
	var first, last meter.Point
	for month := (meter.Month{Year: 2026, Month: 7}); month.Before(meter.Month{Year: 2026, Month: 12}); month = month.Add(1) {
		bill, err := m.Bill(id, month)
		if code(rt, err) == meter.CodeBillNotFound {
			continue
		}
		switch {
		case total.IsZero() && first == (meter.Point{}):
			first = bill.Start
		case bill.Start != last:
			rt.Fatalf("the bill of %s for %s opens at %v, the one before closed at %v", id, month, bill.Start, last)
		}
		last = bill.End
		total = total.Add(bill.Consumption().Decimal)
	}
	if advance := last.Register.Total().Sub(first.Register.Total()).Decimal; !total.Equal(advance) {
		rt.Fatalf("the bills of %s come to %v kWh, its register advanced by %v", id, total, advance)
	}
}
