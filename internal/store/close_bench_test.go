package store

import (
	"fmt"
	"math"
	"testing"
	"time"

	"meterledger/internal/meter"
)

// closable is a store of many meters with a reading a day of a month, and the
// summaries of that month.
func closable(b *testing.B, meters int, window meter.Window) *Store {
	b.Helper()
	s := New()
	var batch []byte
	for i := range meters {
		batch = AppendAccount(batch[:0], meter.Account{ID: meter.ID(fmt.Sprint("M", i)), OwnerName: "T", Address: "R"})
		mustApply(b, s, batch)
	}
	register, _ := meter.RegisterFromParts(1000, 3)
	for slot := window.From; slot < window.To; slot += 24 {
		for i := range meters {
			s.grid.set(Index(i), slot, register)
		}
		s.readings += uint64(meters)
	}
	hold := benchHold(window)
	mustApply(b, s, AppendHold(AppendLevel(nil, LevelNewest), hold))
	summary := Summary{Count: 62, First: meter.Point{Slot: window.From, Register: register}, Last: meter.Point{Slot: window.To - 24, Register: register}}
	var part []SummaryOf
	for i := range meters {
		if part = append(part, SummaryOf{Index(i), summary}); len(part) == 8192 || i == meters-1 {
			mustApply(b, s, AppendSummaries(AppendUnder(nil, hold.ID), september, part))
			part = part[:0]
		}
	}
	return s
}

func benchHold(window meter.Window) Hold {
	return Hold{HoldID{Alone.Number, 7, uint64(window.From)}, window.Rows()}
}

// BenchmarkClose measures how long the store is held for a month to be closed: of
// whole days of standard time, as in Singapore, or of days that begin an hour
// before, as under daylight saving; with a snapshot being written beside.
func BenchmarkClose(b *testing.B) {
	const meters = 200_000
	whole := meter.Window{From: closedFrom, To: closedFrom + 31*48}
	for _, c := range []struct {
		name   string
		window meter.Window
		frozen bool
	}{
		{"whole days", whole, false},
		{"an hour before", meter.Window{From: whole.From - 2, To: whole.To - 2}, false},
		{"an hour before, frozen", meter.Window{From: whole.From - 2, To: whole.To - 2}, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			reportHeld(b, func() func() {
				s := closable(b, meters, c.window)
				if c.frozen {
					b.Cleanup(s.Freeze().Thaw)
				}
				closing := AppendClose(AppendUnder(nil, benchHold(c.window).ID), MonthArchive{Month: september, Window: c.window, Revision: 1})
				return func() {
					if verdicts := mustApply(b, s, closing); verdicts[0].Outcome != Accepted {
						b.Fatal(verdicts)
					}
				}
			})
		})
	}
}

// reportHeld reports how long something takes that takes far longer to prepare, and so
// is done only a few times: the shortest of them.
func reportHeld(b *testing.B, prepare func() (do func())) {
	shortest := time.Duration(math.MaxInt64)
	for range 5 {
		do := prepare()
		began := time.Now()
		do()
		shortest = min(shortest, time.Since(began))
	}
	b.ReportMetric(float64(shortest.Microseconds())/1000, "ms/op")
	b.ReportMetric(0, "ns/op") // of no meaning here
}

// BenchmarkSummaries measures how long it is held for one part of them, for a month that
// was closed before.
func BenchmarkSummaries(b *testing.B) {
	const meters = 8192
	window := meter.Window{From: closedFrom, To: closedFrom + 31*48}
	s := closable(b, meters, window)
	hold := benchHold(window)
	mustApply(b, s, AppendClose(AppendUnder(nil, hold.ID), MonthArchive{Month: september, Window: window, Revision: 1}))
	var part []SummaryOf
	for i := range meters {
		part = append(part, SummaryOf{Index(i), Summary{Count: 7}})
	}
	batch := AppendSummaries(AppendUnder(nil, hold.ID), september, part)
	for b.Loop() {
		mustApply(b, s, batch)
	}
}

// BenchmarkAdopt measures how long it is held for a month to be taken as it stands,
// before one that is closed.
func BenchmarkAdopt(b *testing.B) {
	const meters = 200_000
	window := meter.Window{From: closedFrom, To: closedFrom + 31*48}
	reportHeld(b, func() func() {
		s := closable(b, meters, window)
		own := benchHold(window)
		mustApply(b, s, AppendFree(AppendClose(AppendUnder(nil, own.ID), MonthArchive{Month: september, Window: window, Revision: 1}), own.ID))
		before := MonthArchive{Month: september.Add(-1), Window: meter.Window{From: window.From - 31*48, To: window.From}, Revision: 1}
		hold := benchHold(before.Window)
		mustApply(b, s, AppendHold(nil, hold))
		register, _ := meter.RegisterFromParts(900, 3)
		p := meter.Point{Slot: before.Window.From, Register: register}
		var part []SummaryOf
		for i := range meters {
			part = append(part, SummaryOf{Index(i), Summary{Count: 1, First: p, Last: p}})
		}
		mustApply(b, s, AppendSummaries(AppendUnder(nil, hold.ID), before.Month, part))
		adoption := AppendAdopt(AppendUnder(nil, hold.ID), before)
		return func() {
			if verdicts := mustApply(b, s, adoption); verdicts[0].Outcome != Accepted {
				b.Fatal(verdicts)
			}
		}
	})
}

// BenchmarkCloseAgain measures how long the store is held when a month is closed again
// and every bill of it changes, and with it the next one of every meter.
func BenchmarkCloseAgain(b *testing.B) {
	const meters = 200_000
	reportHeld(b, func() func() {
		window := windowOf(september)
		s := closable(b, meters, window)
		mustApply(b, s, AppendFree(nil, benchHold(window).ID))
		october := september.Add(1)
		after := meter.Window{From: window.To, To: window.To + 31*48}
		register, _ := meter.RegisterFromParts(1000, 3)
		closing := func(number uint64, m MonthArchive, bills bool) []byte {
			hold := Hold{HoldID{Alone.Number, 7, number}, m.Window.Rows()}
			mustApply(b, s, AppendHold(nil, hold))
			figures := Figures{Readings: 62, Start: meter.Point{Slot: m.Window.From, Register: register}, End: meter.Point{Slot: m.Window.To - meter.Slot(number), Register: register}}
			for first := 0; first < meters; first += 4000 {
				var part []SummaryOf
				var of []BillOf
				for i := Index(first); i < Index(first+4000); i++ {
					part = append(part, SummaryOf{i, Summary{Count: 62, First: figures.Start, Last: figures.End}})
					of = append(of, BillOf{m.Month, i, figures}, BillOf{october, i, Figures{Readings: 62, Start: figures.End, End: figures.End}})
				}
				mustApply(b, s, AppendSummaries(AppendUnder(nil, hold.ID), m.Month, part))
				if bills {
					mustApply(b, s, AppendBills(AppendUnder(nil, hold.ID), m.Month, time.Unix(1, 0), of))
				}
			}
			return AppendFree(AppendClose(AppendUnder(nil, hold.ID), m), hold.ID)
		}
		mustApply(b, s, closing(1, MonthArchive{Month: september, Window: window, Revision: 1}, false))
		mustApply(b, s, closing(2, MonthArchive{Month: october, Window: after, Revision: 1}, false))
		again := closing(3, MonthArchive{Month: september, Window: window, Revision: 2}, true)
		return func() {
			if verdicts := mustApply(b, s, again); verdicts[0].Outcome != Accepted {
				b.Fatal(verdicts)
			}
		}
	})
}
