package node_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"meterledger/internal/billing"
	"meterledger/internal/closing"
	"meterledger/internal/faulttest"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
)

// machine runs random operations on a ledger and on the model.
type machine struct {
	*bench
	model *model
}

var machineMeters = []meter.ID{"A", "A-1", "a", "B.2"}

// operationsWanted is how many random operations the whole proof goes through.
const operationsWanted = 20_000

func TestLedgerAgreesWithNaiveModel(t *testing.T) {
	operations := 0
	for _, zone := range []string{"Asia/Singapore", "Europe/London"} {
		t.Run(zone, func(t *testing.T) {
			from := operations
			for again := true; again; again = faulttest.Whole() && operations-from < operationsWanted/2 {
				rapid.Check(t, func(rt *rapid.T) {
					b := &bench{t: t, fs: vfs.NewCrashableMem(), zone: loadZone(t, zone), now: now}
					b.snapshotBytes = rapid.SampledFrom([]int64{0, 300, 3000}).Draw(rt, "snapshotBytes")
					b.open()
					m := &machine{b, newModel(b.zone)}
					defer func() { m.close() }()
					rt.Repeat(counted(&operations, map[string]func(*rapid.T){
						"register": m.registerOne,
						"record":   m.recordOne,
						"backlog":  m.recordBacklog,
						"month":    m.archiveMonth,
						"day":      m.archiveDay,
						"snapshot": func(*rapid.T) { m.snapshot() },
						"restart":  func(*rapid.T) { m.restart() },
						"kill":     func(*rapid.T) { m.kill() },
						"":         m.check,
					}))
				})
			}
		})
	}
	t.Logf("%d random operations: the ledger agrees with the model", operations)
}

// counted counts the actions that are taken, the checks between them left out.
func counted(n *int, actions map[string]func(*rapid.T)) map[string]func(*rapid.T) {
	for name, action := range actions {
		if name != "" {
			actions[name] = func(rt *rapid.T) {
				*n++
				action(rt)
			}
		}
	}
	return actions
}

func (m *machine) drawMeter(rt *rapid.T) meter.ID {
	return rapid.SampledFrom(machineMeters).Draw(rt, "meter")
}

// drawSlot favours the half hours around the turn of a month.
func (m *machine) drawSlot(rt *rapid.T) meter.Slot {
	month := meter.Month{Year: 2026, Month: time.Month(rapid.IntRange(8, 11).Draw(rt, "month"))}
	window := m.zone.MonthWindow(month)
	return window.From + meter.Slot(rapid.IntRange(-4, 960).Draw(rt, "slot"))
}

// drawRegister favours what rises with time, and breaks the rule now and then.
func (m *machine) drawRegister(rt *rapid.T, slot meter.Slot) decimal.Decimal {
	scale := rapid.SampledFrom([]int32{0, 1, 3, 3, 3, 7, 9}).Draw(rt, "scale")
	noise := decimal.New(int64(rapid.IntRange(0, 999).Draw(rt, "noise")), -scale)
	return decimal.NewFromInt(int64(slot) * rapid.SampledFrom([]int64{1, 1, 1, 50}).Draw(rt, "slope")).Add(noise)
}

func (m *machine) registerOne(rt *rapid.T) {
	id := m.drawMeter(rt)
	_, known := m.model.readings[id]
	err := m.Register(context.Background(), id, "owner", "address")
	if known != (code(rt, err) == meter.CodeMeterExists) {
		rt.Fatalf("registering %s: %v", id, err)
	}
	if !known {
		m.model.readings[id] = make(map[meter.Slot]decimal.Decimal)
	}
}

func (m *machine) recordOne(rt *rapid.T) {
	id, slot := m.drawMeter(rt), m.drawSlot(rt)
	value := m.drawRegister(rt, slot)
	result, err := m.Record(context.Background(), meter.Reading{Meter: id, Slot: slot, Register: kwh(rt, value.String())})
	m.compare(rt, id, slot, value, result, err)
}

func (m *machine) compare(rt *rapid.T, id meter.ID, slot meter.Slot, value decimal.Decimal, result ledger.Result, err error) {
	want, duplicate := m.model.record(id, slot, value)
	if got := code(rt, err); got != want || result.Duplicate != duplicate {
		rt.Fatalf("%s at %s = %v: got %q (duplicate %v), want %q (duplicate %v): %v",
			id, m.zone.Stamp(slot), value, got, result.Duplicate, want, duplicate, err)
	}
}

// recordBacklog sends what a meter gathered while it was cut off, in one call.
func (m *machine) recordBacklog(rt *rapid.T) {
	id, slot := m.drawMeter(rt), m.drawSlot(rt)
	var values []decimal.Decimal
	var readings []meter.Reading
	for i := range rapid.IntRange(1, 100).Draw(rt, "length") {
		at := slot + meter.Slot(i)
		values = append(values, decimal.NewFromInt(int64(at)))
		readings = append(readings, meter.Reading{Meter: id, Slot: at, Register: kwh(rt, values[i].String())})
	}
	results, err := m.RecordMany(context.Background(), readings)
	if err != nil {
		rt.Fatal(err)
	}
	for i, r := range readings {
		m.compare(rt, id, r.Slot, values[i], results[i], results[i].Err)
	}
}

func (m *machine) archiveMonth(rt *rapid.T) {
	month := meter.Month{Year: 2026, Month: time.Month(rapid.IntRange(8, 10).Draw(rt, "month"))}
	late := m.LateMonths()
	run := m.maintain(closing.Request{Kind: closing.Monthly, Month: month})
	if run.Err != nil {
		rt.Fatal(run.Err)
	}
	due := append(slices.DeleteFunc(late, func(l meter.Month) bool { return l == month }), month)
	slices.SortFunc(due, meter.Month.Compare)
	for _, again := range due {
		m.model.close(again)
	}
}

func (m *machine) archiveDay(rt *rapid.T) {
	day := m.zone.DayOf(m.drawSlot(rt))
	run := m.maintain(closing.Request{Kind: closing.Daily, Day: day})
	if run.Err != nil {
		rt.Fatal(run.Err)
	}
	window := m.zone.DayWindow(day)
	rows := 0
	for id := range m.model.readings {
		rows += len(m.model.within(id, meter.Window{From: window.From, To: window.To - 1}))
	}
	if got := run.Archives[0].Rows; got != uint64(rows) {
		rt.Fatalf("the archive of %s has %d rows, want %d", day, got, rows)
	}
}

// check compares everything that can be asked.
func (m *machine) check(rt *rapid.T) {
	for id := range m.model.readings {
		for month := time.August; month <= time.November; month++ {
			name := meter.Month{Year: 2026, Month: month}
			window := m.zone.MonthWindow(name)
			want := m.model.within(id, window)
			got := m.readings(rt, id, window)
			agree(rt, fmt.Sprintf("%s in %s", id, name), got, want)
			m.checkBill(rt, id, name)
		}
	}
}

func (m *machine) checkBill(rt *rapid.T, id meter.ID, month meter.Month) {
	want := m.model.bills(id, month)
	bill, err := m.Bill(id, month)
	if (len(want) > 0) != (err == nil) {
		rt.Fatalf("bill of %s for %s: %v, want one: %v", id, month, err, len(want) > 0)
	}
	if err != nil {
		return
	}
	if bill.Revision != len(want) {
		rt.Fatalf("bill of %s for %s has revision %d, want %d", id, month, bill.Revision, len(want))
	}
	same := func(got billing.Figures, want modelBill) {
		if !asModel(got).equal(want) {
			rt.Fatalf("bill of %s for %s: %+v, want %+v", id, month, got, want)
		}
	}
	same(bill.Figures, want[len(want)-1])
	if bill.Revision > 1 {
		same(*bill.Previous, want[len(want)-2])
	}
}

func asModel(f billing.Figures) modelBill {
	return modelBill{f.Start.Register.Decimal(), f.End.Register.Decimal(), f.Start.Slot, f.End.Slot, f.Readings}
}
