package node_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"meterledger/internal/closing"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// mustCorrect replaces a reading by another register, or withdraws it if that is "-".
func (b *bench) mustCorrect(row, after string) {
	b.t.Helper()
	fields := strings.Fields(row)
	r := b.reading(meter.ID(fields[0]), fields[1], fields[2])
	c := ledger.Correction{Slot: r.Slot, Expect: r.Register}
	if after != "-" {
		register := kwh(b.t, after)
		c.Reading = &register
	}
	if err := b.Correct(context.Background(), r.Meter, []ledger.Correction{c}, "a wrong dial", "Lim"); err != nil {
		b.t.Fatalf("%s: %v", row, err)
	}
}

// correctedLife is lived, and then corrected: in closed months and at their ends, and in the
// open one. Days of both are archived.
func correctedLife(t *testing.T) *bench {
	t.Helper()
	b := lived(t)
	for _, c := range [][2]string{
		{"A 2026-09-01T00:00 2.125", "2.25"},
		{"A 2026-09-10T00:00 2.5", "-"},
		{"B 2026-10-09T07:30 11", "11.5"},
		{"A 2026-11-01T00:00 5.5", "5.25"},
		{"A 2026-11-03T10:00 6", "-"},
		{"B 2026-08-07T07:30 10", "9"},
	} {
		b.mustCorrect(c[0], c[1])
	}
	return b
}

// correctedRows are the readings of correctedLife from September on.
var correctedRows = []string{
	"A 2026-09-01T00:00:00 2.25", "A 2026-09-20T00:00:00 3", "A 2026-10-01T00:00:00 4",
	"A 2026-10-31T23:30:00 5", "A 2026-11-01T00:00:00 5.25", "B 2026-10-09T07:30:00 11.5", "B 2026-10-31T20:00:00 12",
	"C 2026-11-03T00:00:00 0.5",
}

func (b *bench) wantCorrected(when string) {
	b.t.Helper()
	if got := b.points("A", "B", "C"); !slices.Equal(got, correctedRows) {
		b.t.Errorf("%s\n got %q\nwant %q", when, got, correctedRows)
	}
}

// archivesAll runs what is due.
func (b *bench) archivesAll() {
	b.t.Helper()
	b.closes(october.Month)
	for _, day := range []meter.Day{{Year: 2026, Month: 11, Day: 1}, {Year: 2026, Month: 11, Day: 3}, {Year: 2026, Month: 10, Day: 9}} {
		if run := b.maintain(closing.Request{Kind: closing.Daily, Day: day}); run.Err != nil {
			b.t.Fatal(run.Err)
		}
	}
}

func TestCorrectionsOutliveACrash(t *testing.T) {
	b := correctedLife(t)
	defer func() { b.close() }()
	hash := b.Hash()
	for _, when := range []string{"replayed", "from a snapshot"} {
		b.kill()
		if b.wantCorrected(when); b.Hash() != hash {
			t.Errorf("%s it is another state", when)
		}
		b.snapshot()
	}
	b.archivesAll()
	hash = b.Hash()
	b.kill()
	if b.wantCorrected("after the runs"); b.Hash() != hash {
		t.Error("after the runs it is another state")
	}
}

func TestWhatIsCorrectedIsDueAndStandsInEveryFileAndBillOnceItIsWrittenAgain(t *testing.T) {
	b := correctedLife(t)
	defer func() { b.close() }()
	b.wantCorrected("before the runs")
	var due []string
	for _, d := range b.Status().Due {
		due = append(due, d.Period.String())
	}
	want := []string{"2026-10-09", "2026-11-01", "2026-11-03", "2026-08", "2026-09", "2026-10"}
	if !slices.Equal(due, want) {
		t.Errorf("%q are due, want %q", due, want)
	}
	b.archivesAll()
	b.wantCorrected("after the runs")
	for name, want := range map[string]string{
		"monthly_2026-08.csv": "A,2026-08-05T00:00:00,1\nA,2026-08-31T23:30:00,2\nB,2026-08-07T07:30:00,9\n",
		"monthly_2026-09.csv": "A,2026-09-01T00:00:00,2.25\nA,2026-09-20T00:00:00,3\n",
		"monthly_2026-10.csv": "A,2026-10-01T00:00:00,4\nA,2026-10-31T23:30:00,5\nB,2026-10-09T07:30:00,11.5\nB,2026-10-31T20:00:00,12\n",

		"daily_2026-10-09.csv": "B,2026-10-09T07:30:00,11.5\n",
		"daily_2026-11-01.csv": "A,2026-11-01T00:00:00,5.25\n",
		"daily_2026-11-03.csv": "C,2026-11-03T00:00:00,0.5\n",
	} {
		if got := b.text("Archive/" + name); got != meter.RowHeader+"\n"+want {
			t.Errorf("%s is\n%s", name, got)
		}
	}
	for month, want := range map[time.Month][2]string{time.August: {"1", "2.25"}, time.September: {"2.25", "4"}, time.October: {"4", "5.25"}} {
		bill, err := b.Bill("A", monthOf(month))
		if got := [2]string{bill.Start.Register.String(), bill.End.Register.String()}; err != nil || got != want || bill.Revision < 2 && month != time.September {
			t.Errorf("the bill of %s is %v in revision %d, %v", month, got, bill.Revision, err)
		}
	}
	if len(b.Status().Due) > 0 {
		t.Errorf("%v are still due", b.Status().Due)
	}
}

// TestAFileWithWhatWasCorrectedChangesNothing puts files from before beside the others, and one
// in the place of an archive, and restores.
func TestAFileWithWhatWasCorrectedChangesNothing(t *testing.T) {
	b := lived(t)
	defer func() { b.close() }()
	for _, name := range []string{"monthly_2026-08.csv", "monthly_2026-09.csv", "monthly_2026-10.csv", "daily_2026-11-01.csv"} {
		b.copyFile(name, "copy_of_"+name)
	}
	for _, c := range [][2]string{
		{"A 2026-09-01T00:00 2.125", "2.25"},
		{"A 2026-09-10T00:00 2.5", "-"},
		{"B 2026-10-09T07:30 11", "11.5"},
		{"A 2026-11-01T00:00 5.5", "5.25"},
		{"A 2026-11-03T10:00 6", "-"},
		{"B 2026-08-07T07:30 10", "9"},
	} {
		b.mustCorrect(c[0], c[1])
	}
	b.archivesAll()
	b.copyFile("copy_of_daily_2026-11-01.csv", "daily_2026-11-01.csv")
	hash := b.Hash()
	restored := b.restores()
	if restored.Readings != 0 || restored.Meters != 0 || restored.Refused != 1 { // the day's file is not the one of its manifest
		t.Errorf("%+v", restored)
	}
	if b.wantCorrected("after a restore"); b.Hash() != hash {
		t.Error("the state has changed")
	}
}

// TestAMonthWithoutReadingsHasTheBillOfNothing withdraws all that two meters sent in a month.
func TestAMonthWithoutReadingsHasTheBillOfNothing(t *testing.T) {
	b := lived(t)
	defer func() { b.close() }()
	b.mustCorrect("B 2026-08-07T07:30 10", "-")
	b.mustCorrect("A 2026-09-01T00:00 2.125", "-")
	b.mustCorrect("A 2026-09-10T00:00 2.5", "-")
	b.mustCorrect("A 2026-09-20T00:00 3", "-")
	b.mustCorrect("A 2026-10-01T00:00 4", "-")
	b.archivesAll()
	for id, want := range map[meter.ID][]string{
		"A": {"08 1 to 2", "09 2 to 2", "10 2 to 5.5"},
		"B": {"08 0 to 0", "10 11 to 12"},
	} {
		var got []string
		for month := time.August; month <= time.October; month++ {
			if bill, err := b.Bill(id, monthOf(month)); err == nil {
				got = append(got, fmt.Sprintf("%02d %v to %v", month, bill.Start.Register, bill.End.Register))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("the bills of %s are %q, want %q", id, got, want)
		}
	}
	hash := b.Hash()
	b.kill()
	if b.Hash() != hash {
		t.Error("replayed it is another state")
	}
}

// TestABillOfNothingDoesNotOpenWithWhatWasWithdrawnSince withdraws all of a month, and once it
// is closed again all of the month before, with whose last register its bill opened.
func TestABillOfNothingDoesNotOpenWithWhatWasWithdrawnSince(t *testing.T) {
	b := lived(t)
	defer func() { b.close() }()
	for _, step := range []struct {
		withdrawn []string
		want      string
	}{
		{[]string{"A 2026-09-01T00:00 2.125", "A 2026-09-10T00:00 2.5", "A 2026-09-20T00:00 3"}, "2 to 4"},
		{[]string{"A 2026-08-05T00:00 1", "A 2026-08-31T23:30 2"}, "4 to 4"},
	} {
		for _, row := range step.withdrawn {
			b.mustCorrect(row, "-")
		}
		b.archivesAll()
		bill, err := b.Bill("A", monthOf(time.September))
		if got := fmt.Sprintf("%v to %v", bill.Start.Register, bill.End.Register); err != nil || got != step.want {
			t.Errorf("the bill is %s, %v; want %s", got, err, step.want)
		}
	}
}

// TestACorrectionIsPutBackWhereItsOldValueStands restores a history into a folder whose archive
// was not written again before the other one was lost.
func TestACorrectionIsPutBackWhereItsOldValueStands(t *testing.T) {
	b := lived(t)
	defer func() { b.close() }()
	m, _ := b.Store().Lookup("A")
	old, standing := b.reading("A", "2026-09-10T00:00", "2.5"), b.reading("A", "2026-09-20T00:00", "3")
	c := &store.Correction{Meter: m.Index, Note: store.Note{At: now, By: "Lim", Reason: "a wrong dial"}, Edits: []store.Edit{
		{Slot: old.Slot, Before: old.Register, After: kwh(t, "2.75")},
		{Slot: standing.Slot, Before: kwh(t, "9"), After: standing.Register},
	}}
	for _, want := range []store.Outcome{store.Accepted, store.Duplicate} {
		if v, err := b.RestoreCorrection(t.Context(), m, c); err != nil || v.Outcome != want {
			t.Fatalf("%v, %v, want %v", v, err, want)
		}
	}
	got := b.points("A")
	if !slices.Contains(got, "A 2026-09-10T00:00:00 2.75") || !slices.Contains(got, "A 2026-09-20T00:00:00 3") {
		t.Errorf("%q", got)
	}
}

// TestWhatAnExchangeHadPutThereLeavesTheArchiveWithIt takes an exchange back whose register was
// all that a closed month had of its meter.
func TestWhatAnExchangeHadPutThereLeavesTheArchiveWithIt(t *testing.T) {
	b := lived(t)
	defer func() { b.close() }()
	before := b.points("C")
	b.exchanges("C", "2026-10-15T00:00:00", "0.25", "0.25")
	b.closes(october.Month)
	if got, want := b.points("C"), append([]string{"C 2026-10-15T00:00:00 0.25"}, before...); !slices.Equal(got, want) {
		t.Fatalf("%q, want %q", got, want)
	}
	at := b.reading("C", "2026-10-15T00:00", "0").Slot.Instant()
	if err := b.TakeBack(t.Context(), "C", at, ""); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		b.closes(october.Month)
		if got := b.points("C"); !slices.Equal(got, before) || strings.Contains(b.text("Archive/monthly_2026-10.csv"), "\nC,") {
			t.Errorf("%q, want %q", got, before)
		}
		b.kill()
	}
}
