package ledger

import (
	"context"
	"fmt"
	"maps"
	"testing"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// october is closed in these tests; A has one reading in it.
var october = meter.Month{Year: 2026, Month: 10}

// closeOctober closes it, or closes it again, so that the file has one reading of A more than readings.
func closeOctober(l *Ledger, readings int) error {
	id := store.HoldID{Term: store.Alone.Number, Incarnation: 1, Number: uint64(10 + readings)}
	window := l.zone.MonthWindow(october)
	rows := octoberRows(l, readings)
	summary := store.SummaryOf{Summary: store.Summary{Count: uint16(len(rows)), First: rows[0], Last: rows[len(rows)-1]}}
	b := store.AppendHold(nil, store.Hold{ID: id, Window: window})
	b = store.AppendSummaries(store.AppendUnder(b, id), october, []store.SummaryOf{summary})
	b = store.AppendClose(store.AppendUnder(b, id), store.MonthArchive{
		Month: october, Window: window, Revision: l.store.Revision(october) + 1, Archive: store.Archive{Rows: uint64(len(rows))},
	})
	verdicts, err := l.askAll(context.Background(), store.AppendFree(b, id), 4)
	if len(verdicts.Others()) > 0 {
		return fmt.Errorf("October is not closed: %v", verdicts)
	}
	return err
}

func closedOctober(readings int) func(*Ledger) error {
	return func(l *Ledger) error { return closeOctober(l, readings) }
}

// octoberRows are A's of the file: 10 kWh at the beginning of October, and 1 kWh more each half hour.
func octoberRows(l *Ledger, more int) (rows []meter.Point) {
	for n := range more + 1 {
		rows = append(rows, meter.Point{Slot: l.zone.MonthWindow(october).From + meter.Slot(n), Register: kWh(int64(10 + n))})
	}
	return rows
}

// onDisk makes the file of October that of its second closing.
func onDisk(l *Ledger) error {
	l.lateRows = func(_ *store.Store, _ store.Meter, m store.MonthSummary) ([]meter.Point, error) {
		if m.Revision < 2 {
			return nil, meter.Errorf(meter.KindInternal, meter.CodeArchiveConflict, "the file of October was changed")
		}
		return octoberRows(l, 1), nil
	}
	return nil
}

// known makes the file one that the first closing knows too, as an intent does.
func known(l *Ledger) error {
	l.lateRows = func(*store.Store, store.Meter, store.MonthSummary) ([]meter.Point, error) {
		return octoberRows(l, 1), nil
	}
	return nil
}

// late is a reading of the third half hour of October.
func late(l *Ledger, register int64) meter.Reading {
	return meter.Reading{Meter: "A", Slot: l.zone.MonthWindow(october).From + 2, Register: kWh(register)}
}

// comings are how a reading comes in.
var comings = map[string]func(*Ledger, meter.Reading) error{
	"one by one": func(l *Ledger, r meter.Reading) error {
		_, err := l.Record(context.Background(), r)
		return err
	},
	"in bulk": func(l *Ledger, r meter.Reading) error {
		b := l.Bulk(context.Background())
		if err := b.Add(1, r.Row()); err != nil {
			return err
		}
		tally, err := b.Flush()
		if err == nil && tally.Refused > 0 {
			err = tally.Refusals[0].Err
		}
		return err
	},
}

func TestAReadingIsNotRefusedByAStateThatLiesBehind(t *testing.T) {
	now := func(register int64) func(*Ledger) meter.Reading {
		return func(l *Ledger) meter.Reading {
			return meter.Reading{Meter: "A", Slot: l.zone.Floor(l.now()), Register: kWh(register)}
		}
	}
	for name, c := range map[string]struct {
		unsureAnswer

		reading func(*Ledger) meter.Reading
	}{
		"of a new meter":                        {unsureAnswer{elsewhere: registerA, refused: meter.CodeMeterNotFound}, now(5)},
		"after reception was resumed":           {unsureAnswer{before: all(registerA, shutDown), elsewhere: resume, refused: meter.CodeNotReceiving}, now(5)},
		"after a hold":                          {unsureAnswer{before: all(registerA, hold), elsewhere: free, refused: meter.CodeMaintenanceRunning}, now(5)},
		"that is less, of a new dial":           {unsureAnswer{before: all(registerA, sent(1, 100)), elsewhere: func(l *Ledger) error { return exchangeA(l, 1, 100) }, refused: meter.CodeReadingDecreases}, now(0)},
		"that is more, beside one withdrawn":    {unsureAnswer{before: all(registerA, sent(0, 5)), elsewhere: func(l *Ledger) error { return withdrawA(l, 5) }, refused: meter.CodeReadingDecreases}, func(l *Ledger) meter.Reading { r := now(6)(l); r.Slot--; return r }},
		"of what was corrected":                 {unsureAnswer{before: all(registerA, sent(0, 5)), elsewhere: func(l *Ledger) error { return correctA(l, 5, 6) }, refused: meter.CodeReadingConflict}, now(6)},
		"of a month whose file is newer":        {unsureAnswer{before: all(registerA, closedOctober(0), onDisk), elsewhere: closedOctober(1), refused: meter.CodeArchiveConflict}, func(l *Ledger) meter.Reading { return late(l, 12) }},
		"of a month whose file takes its place": {unsureAnswer{before: all(registerA, closedOctober(0), onDisk), elsewhere: known, refused: meter.CodeArchiveConflict}, func(l *Ledger) meter.Reading { return late(l, 12) }},
		"that is in the file of a month":        {unsureAnswer{before: all(registerA, closedOctober(0), closedOctober(1), onDisk), elsewhere: func(l *Ledger) error { return correctOctober(l) }, refused: meter.CodeReadingConflict}, func(l *Ledger) meter.Reading { r := late(l, 15); r.Slot--; return r }},
	} {
		for way, take := range comings {
			t.Run(way+" "+name, func(t *testing.T) {
				c.ask = func(l *Ledger) error { return take(l, c.reading(l)) }
				c.test(t)
			})
		}
	}
}

func withdrawA(l *Ledger, was int64) error {
	c := Correction{Slot: l.zone.Floor(l.now()), Expect: kWh(was)}
	return l.Correct(context.Background(), "A", []Correction{c}, "a wrong dial", "Lim")
}

// correctOctober corrects the second half hour of October from 11 to 15 kWh.
func correctOctober(l *Ledger) error {
	right := kWh(15)
	c := Correction{Slot: l.zone.MonthWindow(october).From + 1, Expect: kWh(11), Reading: &right}
	return l.Correct(context.Background(), "A", []Correction{c}, "a wrong dial", "Lim")
}

// TestOneBarrierServesASubmission sends rows that are refused for many reasons, as one.
func TestOneBarrierServesASubmission(t *testing.T) {
	l, o := openFar(t)
	if err := all(registerA, sent(1, 100), closedOctober(0), closedOctober(1), onDisk, hold)(l); err != nil {
		t.Fatal(err)
	}
	now := l.zone.Floor(l.now())
	rows := []meter.Row{
		{Meter: []byte("unknown"), Slot: now, Register: kWh(1)},
		{Meter: []byte("A"), Slot: now - 1, Register: kWh(100)}, // a duplicate
		{Meter: []byte("A"), Slot: now - 1, Register: kWh(101)},
		{Meter: []byte("A"), Slot: now - 2, Register: kWh(102)},
		{Meter: []byte("A"), Slot: now, Register: kWh(100)}, // held back
		{Meter: []byte("A"), Slot: now + 9, Register: kWh(100)},
		late(l, 13).Row(),
		{Meter: []byte("unknown"), Slot: now, Register: kWh(2)},
	}
	for cutOff, want := range map[bool]map[meter.Code]int{
		false: {meter.CodeMeterNotFound: 2, meter.CodeReadingConflict: 1, meter.CodeReadingDecreases: 1, meter.CodeMaintenanceRunning: 1, meter.CodeInvalidTimestamp: 1},
		true:  {meter.CodeNotReady: 5, meter.CodeInvalidTimestamp: 1},
	} {
		o.asked, o.isCutOff = 0, cutOff
		b := l.Bulk(t.Context())
		for n, row := range rows {
			if err := b.Add(n+1, row); err != nil {
				t.Fatal(err)
			}
		}
		tally, err := b.Flush()
		got := make(map[meter.Code]int)
		for _, refusal := range tally.Refusals {
			got[meter.CodeOf(refusal.Err)]++
		}
		if err != nil || !maps.Equal(got, want) || tally.Accepted+tally.Duplicates != 2 || o.asked != 1 {
			t.Errorf("cut off %v: %d barriers, %d accepted, %d duplicates, refused %v, %v", cutOff, o.asked, tally.Accepted, tally.Duplicates, got, err)
		}
		if refusals := l.store.Refusals(); cutOff && refusals.Kept > 2 {
			t.Errorf("cut off, %d refusals were kept", refusals.Kept)
		}
	}
}

func TestADuplicateNeedsNoBarrierNorDoesARowOutsideItsSendersScope(t *testing.T) {
	l, o := openFar(t)
	if err := all(registerA, sent(1, 100), closedOctober(0), closedOctober(1), onDisk)(l); err != nil {
		t.Fatal(err)
	}
	o.isCutOff, o.asked = true, 0
	inFile := late(l, 11)
	inFile.Slot--
	for way, take := range comings {
		for name, r := range map[string]meter.Reading{"in memory": {Meter: "A", Slot: l.zone.Floor(l.now()) - 1, Register: kWh(100)}, "in a file": inFile} {
			if err := take(l, r); err != nil || o.asked > 0 {
				t.Errorf("a duplicate %s, %s, took %d barriers: %v", name, way, o.asked, err)
			}
		}
	}
	others := meter.Reading{Meter: "A", Slot: l.zone.Floor(l.now()), Register: kWh(100)}
	scope := meter.Scope{Meters: []meter.ID{"B"}}
	if _, err := l.RecordWithin(t.Context(), &scope, others); meter.CodeOf(err) != meter.CodeMeterNotFound || o.asked > 0 {
		t.Errorf("a reading outside the scope took %d barriers: %v", o.asked, err)
	}
	b := l.Bulk(t.Context()).Within(&scope)
	err := b.Add(1, others.Row())
	if tally, flushErr := b.Flush(); err != nil || flushErr != nil || tally.Retry > 0 || tally.Refused != 1 || o.asked > 0 {
		t.Errorf("a row outside the scope took %d barriers: %+v, %v", o.asked, tally, flushErr)
	}
}

// TestARestoreEndsWithoutAQuorum: an operator repeats all of it.
func TestARestoreEndsWithoutAQuorum(t *testing.T) {
	for name, id := range map[string]string{"of an unknown meter": "unknown", "of what is recorded otherwise": "A"} {
		l, o := openFar(t)
		if err := all(registerA, sent(1, 100))(l); err != nil {
			t.Fatal(err)
		}
		o.isCutOff = true
		b := l.Restore(t.Context())
		err := b.Add(1, meter.Row{Meter: []byte(id), Slot: l.zone.Floor(l.now()) - 1, Register: kWh(1)})
		if _, flushErr := b.Flush(); err != nil || meter.ReasonOf(flushErr) != meter.ReasonNoQuorum {
			t.Errorf("a row %s: %v", name, flushErr)
		}
	}
}

func TestAChangeToAClosedMonthIsNotRefusedByAStateThatLiesBehind(t *testing.T) {
	before := all(registerA, closedOctober(0), closedOctober(1), func(l *Ledger) error {
		l.lateRows = func(*store.Store, store.Meter, store.MonthSummary) ([]meter.Point, error) {
			return nil, meter.Errorf(meter.KindInternal, meter.CodeArchiveConflict, "the file of October was changed")
		}
		return nil
	})
	testSure(t, map[string]unsureAnswer{
		"a correction": {before: before, elsewhere: known, ask: correctOctober, refused: meter.CodeArchiveConflict},
		"an exchange": {
			before: before, elsewhere: known, refused: meter.CodeArchiveConflict,
			ask: func(l *Ledger) error {
				at := l.zone.MonthWindow(october).From + 1
				_, err := l.Exchange(context.Background(), "A", meter.Change{At: at.Instant(), Kind: meter.Exchange, Old: kWh(11), New: kWh(11)}, false)
				return err
			},
		},
	})
}
