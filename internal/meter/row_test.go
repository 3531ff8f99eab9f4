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

// general is what ParseID, ParseSlot and ParseReading make of three values.
func general(z *meter.Zone, id, timestamp, reading string) (meter.Reading, error) {
	var r meter.Reading
	var err error
	if r.Meter, err = meter.ParseID(id); err != nil {
		return r, err
	}
	if r.Slot, err = z.ParseSlot("timestamp", timestamp); err != nil {
		return r, err
	}
	r.Register, err = meter.ParseReading("reading", reading)
	return r, err
}

// checkPlain wants a plain row to be what the general parsers make of it, and reports
// whether it was taken for plain.
func checkPlain(t interface{ Fatalf(string, ...any) }, z *meter.Zone, p *meter.RowParser, id, timestamp, reading string) bool {
	row, plain := p.Plain([]byte(id), []byte(timestamp), []byte(reading))
	if !plain {
		return false
	}
	want, err := general(z, id, timestamp, reading)
	if err != nil || string(row.Meter) != string(want.Meter) || row.Slot != want.Slot || row.Register != want.Register {
		t.Fatalf("%q %q %q is plain: %s %d %v, but should be %v, %v", id, timestamp, reading, row.Meter, row.Slot, row.Register, want, err)
	}
	return true
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

func TestPlainRowsAreThoseOfTheGeneralParsers(t *testing.T) {
	for _, name := range stampZones {
		t.Run(name, func(t *testing.T) {
			z := loadZone(t, name)
			p := meter.NewRowParser(z) // one for all, so that days are met again
			plain := 0
			rapid.Check(t, func(t *rapid.T) {
				id := nearly(rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9._-]{0,5}`)).Draw(t, "id")
				if checkPlain(t, z, p, id, nearlyStamp().Draw(t, "timestamp"), nearlyReading().Draw(t, "reading")) {
					plain++
				}
			})
			if plain == 0 {
				t.Error("no row was plain: nothing was compared")
			}
		})
	}
}

func TestEveryHalfHourAroundAClockChangeIsPlainOrLeftToTheGeneralParser(t *testing.T) {
	for _, name := range stampZones {
		z := loadZone(t, name)
		p := meter.NewRowParser(z)
		for day := mustDay(t, "2011-12-20"); day.Before(mustDay(t, "2013-01-05")); day = day.AddDays(1) {
			for half := range 48 {
				stamp := fmt.Sprintf("%sT%02d:%02d:00", day, half/2, half%2*30)
				_, err := z.ParseSlot("timestamp", stamp)
				if plain := checkPlain(t, z, p, "A", stamp, "1"); plain != (err == nil) {
					t.Fatalf("%s %s: plain is %v, the general parser says %v", name, stamp, plain, err)
				}
			}
		}
	}
}

func TestPlainReadingsAreExactlyTheDecimalsThatAreWritten(t *testing.T) {
	p := meter.NewRowParser(loadZone(t, "Asia/Singapore"))
	rapid.Check(t, func(t *rapid.T) {
		text := nearlyReading().Draw(t, "reading")
		row, plain := p.Plain([]byte("A"), []byte("2026-11-23T00:00:00"), []byte(text))
		if !plain {
			return
		}
		want, err := decimal.NewFromString(text)
		if err != nil || !row.Register.Decimal().Equal(want) {
			t.Fatalf("%q is read as %v, want %v, %v", text, row.Register, want, err)
		}
	})
}

func FuzzPlainRow(f *testing.F) {
	f.Add("A-1", "2026-11-23T00:30:00", "1234.567")
	f.Add("123-456-789", "2026-11-23 23:00:00", "0.0")
	f.Add(strings.Repeat("A", 64), "2000-01-01T00:00:00", "999999999999999999")
	f.Add("A", "2026-11-23T24:00:00", "000000000000000000.1")
	z := loadZone(f, "Europe/London")
	f.Fuzz(func(t *testing.T, id, timestamp, reading string) {
		checkPlain(t, z, meter.NewRowParser(z), id, timestamp, reading)
	})
}

func TestPlainRowsAreReadWithoutAllocating(t *testing.T) {
	p := meter.NewRowParser(loadZone(t, "Asia/Singapore"))
	id, stamp, reading := []byte("SG-1000007"), []byte("2026-11-23T00:30:00"), []byte("61234.567")
	allocated := testing.AllocsPerRun(100, func() {
		if _, plain := p.Plain(id, stamp, reading); !plain {
			t.Fatal("the row is not plain")
		}
	})
	if allocated != 0 {
		t.Errorf("%v allocations a row", allocated)
	}
}

func BenchmarkPlainRow(b *testing.B) {
	p := meter.NewRowParser(loadZone(b, "Asia/Singapore"))
	id, stamp, reading := []byte("SG-1000007"), []byte("2026-11-23T00:30:00"), []byte("61234.567")
	b.ReportAllocs()
	for b.Loop() {
		if _, plain := p.Plain(id, stamp, reading); !plain {
			b.Fatal("the row is not plain")
		}
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
