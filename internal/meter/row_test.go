package meter_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"meterledger/internal/meter"
)

// stampZones jump at midnight, by half an hour, leave a day out, and do not jump.
var stampZones = []string{
	"Asia/Singapore", "Europe/London", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kathmandu", "America/New_York",
}

// checkRow wants a Parser to make of three values what Parse makes of them, and reports
// whether they are a row.
func checkRow(t interface{ Fatalf(string, ...any) }, z *meter.Zone, p *meter.RowParser, id, timestamp, reading string) bool {
	got, err := p.Row([]byte(id), []byte(timestamp), []byte(reading))
	want, wantErr := meter.ParseRow(z, id, timestamp, reading)
	if fmt.Sprint(err) != fmt.Sprint(wantErr) || meter.CodeOf(err) != meter.CodeOf(wantErr) {
		t.Fatalf("%q %q %q: error %v, want %v", id, timestamp, reading, err, wantErr)
	}
	if err == nil && (string(got.Meter) != string(want.Meter) || got.Slot != want.Slot || got.Register != want.Register) {
		t.Fatalf("%q %q %q is read as %s %d %v, but should be %v", id, timestamp, reading, got.Meter, got.Slot, got.Register, want)
	}
	return err == nil
}

// nearly draws texts that are mostly as they should be, with a byte changed, left out
// or put in here and there.
func nearly(right *rapid.Generator[string]) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		s := right.Draw(t, "right")
		for range rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "changes") {
			at := rapid.IntRange(0, len(s)).Draw(t, "at")
			until := min(len(s), at+rapid.IntRange(0, 1).Draw(t, "without"))
			in := rapid.SampledFrom([]string{"", "0", "3", "9", ".", "-", "+", " ", ":", "T", "Z", "e", ",", "\"", "\r", "\x00", "\xff", "é", "x"}).Draw(t, "in")
			s = s[:at] + in + s[until:]
		}
		return s
	})
}

func nearlyStamp() *rapid.Generator[string] {
	return nearly(rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("%04d-%02d-%02d%s%02d:%02d:00",
			rapid.SampledFrom([]int{1999, 2000, 2011, 2024, 2025, 2026, 9999}).Draw(t, "year"),
			rapid.IntRange(0, 13).Draw(t, "month"), rapid.IntRange(0, 32).Draw(t, "day"),
			rapid.SampledFrom([]string{"T", "T", " "}).Draw(t, "between"),
			rapid.IntRange(0, 25).Draw(t, "hour"), rapid.SampledFrom([]int{0, 30, 30, 3, 59}).Draw(t, "minute"))
	}))
}

func nearlyReading() *rapid.Generator[string] {
	return nearly(rapid.StringMatching(`[0-9]{1,19}(\.[0-9]{1,10})?`))
}

func TestRowsOfALongListAreThoseOfTheGeneralParsers(t *testing.T) {
	for _, name := range stampZones {
		t.Run(name, func(t *testing.T) {
			z := loadZone(t, name)
			p := meter.NewRowParser(z) // one for all, so that days are met again
			taken := 0
			rapid.Check(t, func(t *rapid.T) {
				id := nearly(rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9._-]{0,5}`)).Draw(t, "id")
				if checkRow(t, z, &p, id, nearlyStamp().Draw(t, "timestamp"), nearlyReading().Draw(t, "reading")) {
					taken++
				}
			})
			if taken == 0 {
				t.Error("no row was taken: nothing was compared")
			}
		})
	}
}

func TestEveryHalfHourAroundAClockChangeIsReadAsByTheGeneralParser(t *testing.T) {
	for _, name := range stampZones {
		z := loadZone(t, name)
		p := meter.NewRowParser(z)
		for day := mustDay(t, "2011-12-20"); day.Before(mustDay(t, "2013-01-05")); day = day.AddDays(1) {
			for range 2 { // the second time the day is known
				for half := range 48 {
					checkRow(t, z, &p, "A", fmt.Sprintf("%sT%02d:%02d:00", day, half/2, half%2*30), "1")
				}
			}
		}
	}
}

func TestReadingsAreExactlyTheDecimalsThatAreWritten(t *testing.T) {
	p := meter.NewRowParser(loadZone(t, "Asia/Singapore"))
	rapid.Check(t, func(t *rapid.T) {
		text := nearlyReading().Draw(t, "reading")
		got, err := p.Row([]byte("A"), []byte("2026-11-23T00:00:00"), []byte(text))
		if err != nil {
			return
		}
		want, err := decimal.NewFromString(text)
		if err != nil || !got.Register.Decimal().Equal(want) {
			t.Fatalf("%q is read as %v, want %v, %v", text, got.Register, want, err)
		}
	})
}

func FuzzRow(f *testing.F) {
	f.Add("A-1", "2026-11-23T00:30:00", "1234.567")
	f.Add("123-456-789", "2026-11-23 23:00:00", "0.0")
	f.Add(strings.Repeat("A", 64), "2000-01-01T00:00:00", "999999999999999999")
	f.Add("A", "2026-11-23T24:00:00", "000000000000000000.1")
	z := loadZone(f, "Europe/London")
	p := meter.NewRowParser(z)
	f.Fuzz(func(t *testing.T, id, timestamp, reading string) { checkRow(t, z, &p, id, timestamp, reading) })
}

func TestRowsAreReadAndWrittenWithoutAllocating(t *testing.T) {
	z := loadZone(t, "Asia/Singapore")
	p, w := meter.NewRowParser(z), meter.NewRowWriter(z)
	id, stamp, reading := []byte("SG-1000007"), []byte("2026-11-23T00:30:00"), []byte("61234.567")
	buffer := make([]byte, 0, meter.WrittenRowBytesMax)
	allocated := testing.AllocsPerRun(100, func() {
		r, err := p.Row(id, stamp, reading)
		if err != nil {
			t.Fatal(err)
		}
		w.Append(buffer, "SG-1000007", meter.Point{Slot: r.Slot, Register: r.Register})
	})
	if allocated != 0 {
		t.Errorf("%v allocations a row", allocated)
	}
}

func TestWrittenRowsAreReadBackAndNoCellIsAFormula(t *testing.T) {
	// A spreadsheet takes for a formula what begins with one of these characters.
	const formula = "=+-@\t\r\n|%＝＋－＠"
	ids := rapid.OneOf(rapid.String(), rapid.StringMatching(`[=+\-@|%.A-Za-z0-9_\t]{1,8}`), rapid.StringMatching(`[A-Z0-9][A-Za-z0-9._-]{0,63}`))
	for _, name := range stampZones {
		z := loadZone(t, name)
		p, w, written := meter.NewRowParser(z), meter.NewRowWriter(z), 0
		rapid.Check(t, func(t *rapid.T) {
			id, err := meter.ParseID(ids.Draw(t, "id"))
			if err != nil {
				return
			}
			written++
			register, _ := meter.RegisterFromParts(rapid.Int64Range(0, 999_999_999_999_999_999).Draw(t, "register"), rapid.Uint8Range(0, 9).Draw(t, "scale"))
			slot := z.DayStart(meter.Day{Year: meter.EarliestYear, Month: 1, Day: 1}) + meter.Slot(rapid.Uint32Range(0, 1_000_000).Draw(t, "slot"))
			line := string(w.Append(nil, id, meter.Point{Slot: slot, Register: register}))
			if want := fmt.Sprintf("%s,%s,%s\n", id, z.Stamp(slot), register); line != want || len(line) > meter.WrittenRowBytesMax {
				t.Fatalf("written as %q, want %q", line, want)
			}
			cells := strings.Split(strings.TrimSuffix(line, "\n"), ",")
			for _, cell := range cells {
				if strings.ContainsAny(cell[:1], formula) || strings.ContainsAny(cell, "\"\n") {
					t.Fatalf("%q can be taken for a formula, or needs quotes", cell)
				}
			}
			a, b, c, ok := meter.SplitRow([]byte(strings.TrimSuffix(line, "\n")))
			back, err := p.Row(a, b, c)
			if !ok || len(cells) != 3 || err != nil || string(back.Meter) != string(id) || back.Slot != slot || back.Register != register {
				t.Fatalf("%q is read back as %v, %v", line, back, err)
			}
		})
		if written == 0 {
			t.Error("no row was written")
		}
	}
}

func BenchmarkRow(b *testing.B) {
	p := meter.NewRowParser(loadZone(b, "Asia/Singapore"))
	id, stamp, reading := []byte("SG-1000007"), []byte("2026-11-23T00:30:00"), []byte("61234.567")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Row(id, stamp, reading); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendRow(b *testing.B) {
	z := loadZone(b, "Asia/Singapore")
	w, first := meter.NewRowWriter(z), z.DayStart(meter.Day{Year: 2026, Month: 11, Day: 1})
	register, _ := meter.RegisterFromParts(61_234_567, 3)
	buffer := make([]byte, 0, meter.WrittenRowBytesMax)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		w.Append(buffer, "SG-1000007", meter.Point{Slot: first + meter.Slot(n%1440), Register: register})
	}
}

func mustDay(t *testing.T, s string) meter.Day {
	t.Helper()
	day, ok := meter.ParseDay(s)
	if !ok {
		t.Fatalf("%s is no day", s)
	}
	return day
}
