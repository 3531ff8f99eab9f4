package node_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"meterledger/internal/closing"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
)

func monthOf(month time.Month) meter.Month { return meter.Month{Year: 2026, Month: month} }

// bill tells what a bill says: its registers and their times, its readings and revision.
func (b *bench) bill(id meter.ID, month time.Month) string {
	b.t.Helper()
	bill, err := b.Bill(id, monthOf(month))
	if err != nil {
		return string(code(b.t, err))
	}
	return fmt.Sprintf("%v %s to %v %s is %v, %d readings, revision %d", bill.Start.Register, b.zone.Stamp(bill.Start.Slot),
		bill.End.Register, b.zone.Stamp(bill.End.Slot), bill.Consumption(), bill.Readings, bill.Revision)
}

func (b *bench) wantBills(id meter.ID, want map[time.Month]string) {
	b.t.Helper()
	for month, bill := range want {
		if got := b.bill(id, month); got != bill {
			b.t.Errorf("%s in %s: %s, want %s", id, month, got, bill)
		}
	}
}

// TestTheRegisterOfTheFirstThatComesAfterTheClosingRevisesTheBill sends the register of the
// first at 00:00 when its month before is closed.
func TestTheRegisterOfTheFirstThatComesAfterTheClosingRevisesTheBill(t *testing.T) {
	const (
		first   = "100 2026-09-01T00:00:00 to 131 2026-10-01T00:00:00 is 31, 3 readings, revision 2"
		october = "131 2026-10-01T00:00:00 to 160 2026-11-01T00:00:00 is 29, 2 readings, revision 1"
	)
	for name, c := range map[string]struct {
		late  []string // after September was closed
		then  func(b *bench)
		bills map[time.Month]string
	}{
		"the next month is closed": {
			[]string{"c1 2026-10-01T00:00 131", "c1 2026-11-01T00:00 160"},
			func(b *bench) { b.closes(monthOf(10)) },
			map[time.Month]string{9: first, 10: october},
		},
		"the days between are archived and the ledger is restarted": {
			[]string{"c1 2026-10-01T00:00 131", "c1 2026-11-01T00:00 160"},
			func(b *bench) {
				b.archives(monthOf(9).FirstDay().AddDays(29), monthOf(10).FirstDay())
				b.restart()
				b.closes(monthOf(10))
				b.restart()
			},
			map[time.Month]string{9: first, 10: october},
		},
		"another month is closed, which has nothing of the meter": {
			[]string{"c1 2026-10-01T00:00 131"},
			func(b *bench) { b.closes(monthOf(7)) },
			map[time.Month]string{7: "bill_not_found", 9: first},
		},
		"the month after the next is closed first": {
			[]string{"c1 2026-10-01T00:00 131", "c1 2026-11-01T00:00 160", "c1 2026-11-20T00:00 175"},
			func(b *bench) {
				b.now = time.Date(2026, time.December, 2, 0, 0, 0, 0, time.UTC)
				b.closes(monthOf(11))
				b.closes(monthOf(10))
			},
			map[time.Month]string{
				9: first, 10: october,
				11: "160 2026-11-01T00:00:00 to 175 2026-11-20T00:00:00 is 15, 2 readings, revision 2",
			},
		},
		"the next month is closed without it and the late one recalls it": {
			[]string{"c1 2026-10-01T03:00 132", "c1 2026-11-01T00:00 160"},
			func(b *bench) {
				b.closes(monthOf(10))
				b.recordRows([]string{"c1 2026-10-01T00:00 131"})
				b.closes(monthOf(10))
			},
			map[time.Month]string{
				9:  first,
				10: "131 2026-10-01T00:00:00 to 160 2026-11-01T00:00:00 is 29, 3 readings, revision 2",
			},
		},
		"the archive of its month is missing": {
			[]string{"c1 2026-10-01T00:00 131", "c1 2026-11-01T00:00 160"},
			func(b *bench) {
				if err := b.fs.Rename("Archive/monthly_2026-09.csv", "elsewhere"); err != nil {
					b.t.Fatal(err)
				}
				b.mustMaintain(closing.Request{Kind: closing.Monthly, Month: monthOf(10), Lost: true}) // it is the only one
			},
			map[time.Month]string{9: first, 10: october},
		},
		"it never comes": {
			[]string{"c1 2026-10-01T03:00 132", "c1 2026-11-01T00:00 160"},
			func(b *bench) { b.closes(monthOf(10)) },
			map[time.Month]string{
				9:  "100 2026-09-01T00:00:00 to 130 2026-09-30T23:30:00 is 30, 2 readings, revision 1",
				10: "130 2026-09-30T23:30:00 to 160 2026-11-01T00:00:00 is 30, 2 readings, revision 1",
			},
		},
		"it is all that came of the month": {
			[]string{"c1 2026-10-01T00:00 131"},
			func(b *bench) { b.closes(monthOf(10)) },
			map[time.Month]string{
				9:  first,
				10: "131 2026-10-01T00:00:00 to 131 2026-10-01T00:00:00 is 0, 1 readings, revision 1",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, "Asia/Singapore")
			b.t = t
			defer func() { b.close() }()
			b.register("c1", "other")
			b.recordRows([]string{"c1 2026-09-01T00:00 100", "c1 2026-09-30T23:30 130", "other 2026-10-10T00:00 1"})
			b.closes(monthOf(9))
			b.recordRows(c.late)
			c.then(b)
			b.wantBills("c1", c.bills)
		})
	}
}

// archives archives days.
func (b *bench) archives(days ...meter.Day) {
	b.t.Helper()
	for _, day := range days {
		if run := b.maintain(closing.Request{Kind: closing.Daily, Day: day}); run.Err != nil {
			b.t.Fatal(run.Err)
		}
	}
}

// TestARestoredFolderBillsTheRegisterOfTheFirst loses the data folder.
func TestARestoredFolderBillsTheRegisterOfTheFirst(t *testing.T) {
	b := newCrashableBench(t)
	defer func() { b.close() }()
	b.register("c1")
	b.recordRows([]string{"c1 2026-09-01T00:00 100", "c1 2026-09-30T23:30 130"})
	b.closes(monthOf(9))
	b.recordRows([]string{"c1 2026-10-01T00:00 131", "c1 2026-11-01T00:00 160"})
	b.closes(monthOf(10))
	b.archives(monthOf(11).FirstDay())
	b.close()
	if err := b.fs.RemoveAll("data"); err != nil {
		t.Fatal(err)
	}
	b.open()
	b.register("c1")
	if restored, err := b.RestoreArchives(); err != nil || restored.Refused > 0 {
		t.Fatalf("%+v, %v", restored, err)
	}
	b.wantBills("c1", map[time.Month]string{
		9:  "100 2026-09-01T00:00:00 to 131 2026-10-01T00:00:00 is 31, 3 readings, revision 1",
		10: "131 2026-10-01T00:00:00 to 160 2026-11-01T00:00:00 is 29, 2 readings, revision 1",
	})
}

// TestBillsAreThoseOfReadingsThatCameInTime delivers the same readings in any order between
// closings, days, snapshots and crashes. Once every month was run again, in order, all bills
// are those of a ledger that had the readings in time.
func TestBillsAreThoseOfReadingsThatCameInTime(t *testing.T) {
	revised := 0
	rapid.Check(t, func(rt *rapid.T) {
		inTime := &bench{t: t, fs: vfs.NewMem(), zone: loadZone(t, "Asia/Singapore"), now: now}
		late := &bench{t: t, fs: vfs.NewCrashableMem(), zone: inTime.zone, now: now, snapshotBytes: 300}
		inTime.open()
		late.open()
		defer func() { inTime.close(); late.close() }()
		readings := drawAroundTheFirst(rt, inTime.zone)
		inTime.register("A", "B")
		late.register("A", "B")
		months := []meter.Month{monthOf(7), monthOf(8), monthOf(9), monthOf(10)}
		mustRecordMany(rt, inTime, readings)
		for _, month := range months {
			inTime.closes(month)
		}
		shuffled := rapid.Permutation(readings).Draw(rt, "order")
		for len(shuffled) > 0 {
			n := rapid.IntRange(1, min(len(shuffled), 8)).Draw(rt, "delivered")
			mustRecordMany(rt, late, shuffled[:n])
			shuffled = shuffled[n:]
			switch rapid.SampledFrom([]string{"", "month", "month", "day", "restart", "crash"}).Draw(rt, "then") {
			case "month":
				late.closes(rapid.SampledFrom(months).Draw(rt, "month"))
			case "day":
				late.archives(late.zone.DayOf(rapid.SampledFrom(readings).Draw(rt, "day").Slot))
			case "restart":
				late.restart()
			case "crash":
				late.kill()
			}
			wantBillsToRise(rt, late)
		}
		for _, month := range months {
			late.closes(month)
		}
		hash := late.Hash()
		if late.restart(); late.Hash() != hash {
			rt.Fatal("a restart comes to another state")
		}
		for _, id := range []meter.ID{"A", "B"} {
			for _, month := range months {
				want, wantErr := inTime.Bill(id, month)
				got, err := late.Bill(id, month)
				if !reflect.DeepEqual(got.Figures, want.Figures) || code(rt, err) != code(rt, wantErr) {
					rt.Fatalf("the bill of %s for %s says %+v, %v; in time it says %+v, %v", id, month, got, err, want, wantErr)
				}
				if got.Revision > 1 {
					revised++
				}
			}
		}
		wantBillsToRise(rt, late)
	})
	if revised < 30 {
		t.Errorf("%d bills were revised, so this proves little", revised)
	}
}

// drawAroundTheFirst draws rising registers of two meters, most of them close to the turns
// of months.
func drawAroundTheFirst(rt *rapid.T, zone *meter.Zone) (all []meter.Reading) {
	var turns []meter.Slot
	for month := time.July; month <= time.November; month++ {
		turns = append(turns, zone.MonthWindow(monthOf(month)).From)
	}
	for _, id := range []meter.ID{"A", "B"} {
		known := make(map[meter.Slot]bool)
		for range rapid.IntRange(1, 20).Draw(rt, "readings") {
			slot := rapid.SampledFrom(turns).Draw(rt, "turn") + meter.Slot(rapid.SampledFrom([]int{-700, -2, -1, 0, 0, 0, 1, 7, 300}).Draw(rt, "distance"))
			if !known[slot] {
				known[slot] = true
				all = append(all, meter.Reading{Meter: id, Slot: slot, Register: kwh(rt, fmt.Sprint(slot/3))})
			}
		}
	}
	return all
}

func mustRecordMany(rt *rapid.T, b *bench, readings []meter.Reading) {
	results, err := b.RecordMany(context.Background(), readings)
	if err != nil {
		rt.Fatal(err)
	}
	if place := slices.IndexFunc(results, func(r ledger.Result) bool { return r.Err != nil }); place >= 0 {
		rt.Fatal(results[place].Err)
	}
}

// wantBillsToRise wants each bill to open where the one before it closed.
func wantBillsToRise(rt *rapid.T, b *bench) {
	m := &machine{b, newModel(b.zone)}
	m.wantBillsToAddUp(rt, "A")
	m.wantBillsToAddUp(rt, "B")
}
