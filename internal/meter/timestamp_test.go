package meter_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // so that the tests know every zone wherever they run

	"pgregory.net/rapid"

	"meterledger/internal/meter"
)

var zoneNames = []string{
	"Asia/Singapore", "Asia/Kathmandu", "Europe/London", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo",
}

func loadZone(t testing.TB, name string) *meter.Zone {
	t.Helper()
	z, err := meter.LoadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// instant reads an instant in a way that the code under test does not.
func instant(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestTimestampsAreTakenInEveryFormOfTheContract(t *testing.T) {
	z := loadZone(t, "Asia/Singapore")
	for text, want := range map[string]string{
		"2026-11-23T14:30:00":           "2026-11-23T06:30:00Z",
		"2026-11-23T14:30":              "2026-11-23T06:30:00Z",
		"2026-11-23 14:30":              "2026-11-23T06:30:00Z",
		"2026-11-23t14:30:00":           "2026-11-23T06:30:00Z",
		"2026-11-23T14:30:00.0":         "2026-11-23T06:30:00Z",
		"2026-11-23T14:30:00.000000000": "2026-11-23T06:30:00Z",
		"2026-11-23T14:30:00,000":       "2026-11-23T06:30:00Z",
		"2026-11-23T06:30:00Z":          "2026-11-23T06:30:00Z",
		"2026-11-23t06:30z":             "2026-11-23T06:30:00Z",
		"2026-11-23T14:30:00+08:00":     "2026-11-23T06:30:00Z",
		"2026-11-23T14:30:00 08:00":     "2026-11-23T06:30:00Z", // a plus sign in a query string
		"2026-11-23T14:30:00+0800":      "2026-11-23T06:30:00Z",
		"2026-11-23T14:30+08":           "2026-11-23T06:30:00Z",
		"2026-11-23 14:30 08":           "2026-11-23T06:30:00Z",
		"2026-11-23T14:30:00.000+08:00": "2026-11-23T06:30:00Z",
		"2026-11-22T21:00:00-0930":      "2026-11-23T06:30:00Z",
		"2026-11-23T12:15:00+05:45":     "2026-11-23T06:30:00Z",
		"2026-11-23T06:30:00-00:00":     "2026-11-23T06:30:00Z",
		"2026-11-23T20:30:00+14":        "2026-11-23T06:30:00Z",
		"2026-11-23T00:00":              "2026-11-22T16:00:00Z",
		"2026-11-23T24:00":              "2026-11-23T16:00:00Z",
		"2026-11-23T24:00:00":           "2026-11-23T16:00:00Z",
		"2026-11-23T24:00:00.0Z":        "2026-11-24T00:00:00Z",
		"2026-12-31T24:00:00":           "2026-12-31T16:00:00Z",
		"2024-02-28T24:00:00":           "2024-02-28T16:00:00Z",
		"2024-02-29T00:00:00":           "2024-02-28T16:00:00Z",
		"2000-01-01T00:00:00":           "1999-12-31T16:00:00Z",
		"1999-12-31T24:00:00":           "1999-12-31T16:00:00Z",
		"1999-12-31T16:00:00Z":          "1999-12-31T16:00:00Z",
		"9999-12-31T23:30:00":           "9999-12-31T15:30:00Z",
	} {
		s, err := z.ParseSlot("timestamp", text)
		if err != nil {
			t.Errorf("%q was refused: %v", text, err)
		} else if got := z.Time(s).UTC().Format(time.RFC3339); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}

const (
	grammarDetail = "timestamp must be a timestamp such as 2026-11-23T14:30:00 or 2026-11-23T06:30:00Z"
	gridDetail    = "timestamp must lie on the hour or half hour"
	yearsDetail   = "timestamp lies outside the years 2000 to 9999"
)

func TestTimestampsThatAreRefusedSayWhy(t *testing.T) {
	z := loadZone(t, "Asia/Singapore")
	for want, texts := range map[string][]string{
		gridDetail: {
			"2026-11-23T14:15:00", "2026-11-23T14:29:59", "2026-11-23T14:30:01", "2026-11-23T14:30:00.000000001", "2026-11-23T14:30:00.5Z",
			"2026-11-23T14:30:00+05:45", "2026-11-23T00:01",
		},
		yearsDetail: {
			"0000-01-01T00:00:00", "0001-01-01T00:00:00", "1969-12-31T23:30:00", "1970-01-01T00:00:00Z", "1999-12-31T23:30:00",
			"1999-12-31T15:30:00Z", "2000-01-01T00:00:00+14:00", "9999-12-31T24:00:00", "9999-12-31T23:30:00Z",
		},
		grammarDetail: {
			"", " ", "T", "now", "garbage", "1700000000", "2026", "2026-11-23", "2026-11-23T", "2026-11-23T14", "2026-11-23T14:", "14:30:00",
			"2026-11-23T14:30:", "2026-11-23T14:30:0", "2026-11-23T14:30:00.", "2026-11-23T14:30.0", "2026-11-23T1430", "20261123T143000",
			"2026-11-23T14:30:00+", "2026-11-23T14:30:00+8", "2026-11-23T14:30:00+08:", "2026-11-23T14:30:00+08:0", "2026-11-23T14:30:00+080",
			"2026-11-23T14:30:00+15:00", "2026-11-23T14:30:00+08:60", "2026-11-23T14:30:00ZZ", "2026-11-23T14:30:00Z+08:00",
			"2026-11-23T14:30:00 Z", "2026-11-23T14:30:00+08:00 ", "2026-11-23T14:30:00+08:00:00", "2026-11-23T14:30:00 ", " 2026-11-23T14:30:00",
			"2026-11-23  14:30:00", "2026-11-23_14:30:00", "2026/11/23T14:30:00", "23-11-2026T14:30:00", "2026-1-3T14:30:00",
			"2026-11-23T24:30", "2026-11-23T24:00:01", "2026-11-23T24:00:00.1", "2026-11-23T25:00", "2026-11-23T14:60", "2026-11-23T14:30:60",
			"2026-02-29T00:00", "2100-02-29T00:00", "2026-02-29T24:00", "2026-02-30T00:00", "2026-04-31T00:00", "2026-00-01T00:00",
			"2026-13-01T00:00", "2026-01-00T00:00", "2026-01-32T00:00", "10000-01-01T00:00:00", "-2026-11-23T14:30:00", "+2026-11-23T14:30:00",
			"2026-11-23T-1:30:00", "2026-11-23T14:30:00\x00", "2026-11-23T14:30:00\n", "2026-11-23T14:3\xff:00", "\xff\xfe\xfd",
			"２０２６-11-23T14:30:00", "2026-11-23T14:30:00PM", "2026-11-23T14:30:00[Asia/Singapore]",
			strings.Repeat("2026-11-23T14:30:00", 10_000),
		},
	} {
		for _, text := range texts {
			_, err := z.ParseSlot("timestamp", text)
			var e *meter.Error
			if !errors.As(err, &e) {
				t.Errorf("%.60q: error %v", text, err)
			} else if e.Kind != meter.KindInvalid || e.Code != meter.CodeInvalidTimestamp || e.Field != "timestamp" || e.Detail != want {
				t.Errorf("%.60q: error %+v, want %q", text, e, want)
			}
		}
	}
}

func TestAVeryLongFractionOfZerosIsStillZero(t *testing.T) {
	z := loadZone(t, "Asia/Singapore")
	short, err := z.ParseSlot("timestamp", "2026-11-23T14:30:00")
	if err != nil {
		t.Fatal(err)
	}
	long, err := z.ParseSlot("timestamp", "2026-11-23T14:30:00."+strings.Repeat("0", 100_000))
	if err != nil || long != short {
		t.Errorf("slot %d, %v; want %d", long, err, short)
	}
}

func TestLocalTimesAroundAClockChange(t *testing.T) {
	const skipped, doubled = "skipped", "doubled"
	for _, c := range []struct{ zone, local, want string }{
		{"Europe/London", "2026-03-29T00:30", "2026-03-29T00:30:00Z"},
		{"Europe/London", "2026-03-29T01:00", skipped},
		{"Europe/London", "2026-03-29T01:30", skipped},
		{"Europe/London", "2026-03-29T02:00", "2026-03-29T01:00:00Z"},
		{"Europe/London", "2026-10-25T00:30", "2026-10-24T23:30:00Z"},
		{"Europe/London", "2026-10-25T01:00", doubled},
		{"Europe/London", "2026-10-25T01:30", doubled},
		{"Europe/London", "2026-10-25T01:30+01:00", "2026-10-25T00:30:00Z"},
		{"Europe/London", "2026-10-25T01:30+00:00", "2026-10-25T01:30:00Z"},
		{"Europe/London", "2026-10-25T02:00", "2026-10-25T02:00:00Z"},
		{"America/New_York", "2026-03-08T01:30", "2026-03-08T06:30:00Z"},
		{"America/New_York", "2026-03-08T02:00", skipped},
		{"America/New_York", "2026-03-08T02:30", skipped},
		{"America/New_York", "2026-03-08T03:00", "2026-03-08T07:00:00Z"},
		{"America/New_York", "2026-11-01T00:30", "2026-11-01T04:30:00Z"},
		{"America/New_York", "2026-11-01T01:00", doubled},
		{"America/New_York", "2026-11-01T01:30", doubled},
		{"America/New_York", "2026-11-01T01:30-0500", "2026-11-01T06:30:00Z"},
		{"America/New_York", "2026-11-01T02:00", "2026-11-01T07:00:00Z"},
		{"Australia/Lord_Howe", "2026-04-05T01:00", "2026-04-04T14:00:00Z"},
		{"Australia/Lord_Howe", "2026-04-05T01:30", doubled},
		{"Australia/Lord_Howe", "2026-04-05T01:30+10:30", "2026-04-04T15:00:00Z"},
		{"Australia/Lord_Howe", "2026-04-05T02:00", "2026-04-04T15:30:00Z"},
		{"Australia/Lord_Howe", "2026-10-04T01:30", "2026-10-03T15:00:00Z"},
		{"Australia/Lord_Howe", "2026-10-04T02:00", skipped},
		{"Australia/Lord_Howe", "2026-10-04T02:30", "2026-10-03T15:30:00Z"},
		{"America/Sao_Paulo", "2018-11-03T23:30", "2018-11-04T02:30:00Z"},
		{"America/Sao_Paulo", "2018-11-03T24:00", skipped},
		{"America/Sao_Paulo", "2018-11-04T00:00", skipped},
		{"America/Sao_Paulo", "2018-11-04T00:30", skipped},
		{"America/Sao_Paulo", "2018-11-04T01:00", "2018-11-04T03:00:00Z"},
		{"America/Sao_Paulo", "2018-02-17T22:30", "2018-02-18T00:30:00Z"},
		{"America/Sao_Paulo", "2018-02-17T23:00", doubled},
		{"America/Sao_Paulo", "2018-02-17T23:30", doubled},
		{"America/Sao_Paulo", "2018-02-17T24:00", "2018-02-18T03:00:00Z"},
		{"America/Sao_Paulo", "2018-02-18T00:00", "2018-02-18T03:00:00Z"},
		{"Asia/Kathmandu", "2026-11-23T00:00", "2026-11-22T18:15:00Z"},
		{"Asia/Kathmandu", "2026-11-22T18:15Z", "2026-11-22T18:15:00Z"},
	} {
		t.Run(c.zone+" "+c.local, func(t *testing.T) {
			z := loadZone(t, c.zone)
			s, err := z.ParseSlot("timestamp", c.local)
			switch {
			case c.want == skipped || c.want == doubled:
				word := map[string]string{skipped: "does not exist", doubled: "happens twice"}[c.want]
				if err == nil || !strings.Contains(err.Error(), word) || !strings.Contains(err.Error(), c.zone) ||
					meter.CodeOf(err) != meter.CodeInvalidTimestamp {
					t.Errorf("slot %d, error %v; want it to be %s", s, err, c.want)
				}
			case err != nil:
				t.Errorf("refused: %v", err)
			case !z.Time(s).Equal(instant(t, c.want)):
				t.Errorf("is %v, want %s", z.Time(s).UTC(), c.want)
			}
		})
	}
}

func TestTheGridOfAZoneLiesOnItsOwnHalfHours(t *testing.T) {
	for _, c := range []struct {
		zone, at string
		want     bool
	}{
		{"Asia/Kathmandu", "2026-11-22T18:15:00Z", true},
		{"Asia/Kathmandu", "2026-11-22T18:00:00Z", false},
		{"Asia/Singapore", "2026-11-22T18:00:00Z", true},
		{"Asia/Singapore", "2026-11-22T18:15:00Z", false},
		{"Asia/Singapore", "2026-11-22T18:00:00.000000001Z", false},
		{"Asia/Singapore", "1969-12-31T16:00:00Z", true},
		{"Asia/Singapore", "1969-12-31T15:30:00Z", false},
	} {
		if s, ok := loadZone(t, c.zone).SlotOf(instant(t, c.at)); ok != c.want {
			t.Errorf("%s in %s is slot %d, %v; want %v", c.at, c.zone, s, ok, c.want)
		}
	}
}

// slotsOfYears draws slots from the first to the last year, both included.
func slotsOfYears(t testing.TB, z *meter.Zone, first, last int) *rapid.Generator[meter.Slot] {
	t.Helper()
	from := z.Floor(time.Date(first, 1, 1, 0, 0, 0, 0, z.Location()))
	to := z.Floor(time.Date(last+1, 1, 1, 0, 0, 0, 0, z.Location())) - 1
	return rapid.Map(rapid.Uint32Range(uint32(from), uint32(to)), func(n uint32) meter.Slot { return meter.Slot(n) })
}

func TestEveryStampIsReadBackAsItsSlot(t *testing.T) {
	for _, name := range zoneNames {
		z := loadZone(t, name)
		t.Run(name, func(t *testing.T) {
			slots := rapid.SliceOfN(slotsOfYears(t, z, 2000, 2099), 1, 50)
			rapid.Check(t, func(t *rapid.T) {
				for _, s := range slots.Draw(t, "slots") {
					if got, err := z.ParseSlot("timestamp", z.Stamp(s)); err != nil || got != s {
						t.Fatalf("slot %d is %s, which is read back as %d, %v", s, z.Stamp(s), got, err)
					}
					if got, ok := z.SlotOf(z.Time(s)); !ok || got != s || z.Floor(z.Time(s).Add(30*time.Minute-1)) != s {
						t.Fatalf("slot %d begins at %v, which is slot %d, %v", s, z.Time(s), got, ok)
					}
				}
			})
		})
	}
}

func TestOnlyStampsOfDoubledTimesCarryAnOffset(t *testing.T) {
	for _, name := range zoneNames {
		for _, year := range []int{2018, 2026, 2070} {
			z := loadZone(t, name)
			from := z.Floor(time.Date(year, 1, 1, 0, 0, 0, 0, z.Location()))
			shown := map[string]int{}
			for s := from; s < from+366*meter.SlotsPerDay; s++ {
				shown[z.Time(s).Format("2006-01-02T15:04:05")]++
			}
			for s := from; s < from+366*meter.SlotsPerDay; s++ {
				want := z.Time(s).Format("2006-01-02T15:04:05")
				if shown[want] > 1 {
					want = z.Time(s).Format("2006-01-02T15:04:05-07:00")
				}
				stamp := z.Stamp(s)
				if stamp != want {
					t.Fatalf("%s: slot %d is written as %s, want %s", name, s, stamp, want)
				}
				if got, err := z.ParseSlot("timestamp", stamp); err != nil || got != s {
					t.Fatalf("%s: %s is read as slot %d, %v; want %d", name, stamp, got, err, s)
				}
			}
		}
	}
}

func TestStampsAreWrittenAsTheStandardLibraryWritesThem(t *testing.T) {
	const long = 400 * 365 * 24 * 60 * 60 // seconds: in so many years nearly all dates and times of day come
	chance := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"Asia/Singapore", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns"} {
		z := loadZone(t, name)
		instants := []time.Time{time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, z.Location()), time.Date(10000, 1, 1, 0, 0, 0, 0, z.Location())}
		for range 20_000 {
			instants = append(instants, time.Unix(chance.Int64N(long), 0))
		}
		for _, at := range instants {
			plain := at.In(z.Location()).Format("2006-01-02T15:04:05")
			if got := z.StampTime(at); got != plain && got != plain+at.In(z.Location()).Format("-07:00") {
				t.Fatalf("%v is stamped %s in %s", at, got, name)
			}
		}
	}
}

func TestInstantsOffTheGridAreStampedToTheSecond(t *testing.T) {
	for _, c := range []struct{ zone, at, want string }{
		{"Asia/Singapore", "2026-11-23T06:31:07.9Z", "2026-11-23T14:31:07"},
		{"Europe/London", "2026-10-24T23:59:59.9Z", "2026-10-25T00:59:59"},
		{"Europe/London", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00+01:00"},
		{"Europe/London", "2026-10-25T00:59:59.9Z", "2026-10-25T01:59:59+01:00"},
		{"Europe/London", "2026-10-25T01:00:00Z", "2026-10-25T01:00:00+00:00"},
		{"Europe/London", "2026-10-25T01:59:59.9Z", "2026-10-25T01:59:59+00:00"},
		{"Europe/London", "2026-10-25T02:00:00Z", "2026-10-25T02:00:00"},
	} {
		if got := loadZone(t, c.zone).StampTime(instant(t, c.at)); got != c.want {
			t.Errorf("%s in %s is %s, want %s", c.at, c.zone, got, c.want)
		}
	}
}

func FuzzParseSlot(f *testing.F) {
	zones := make([]*meter.Zone, len(zoneNames))
	for i, name := range zoneNames {
		zones[i] = loadZone(f, name)
	}
	for i, seed := range []string{
		"2026-11-23T14:30:00", "2026-11-23 14:30", "2026-10-25T01:30:00+01:00", "2026-11-01T01:30:00-0500", "2026-04-05T01:30:00+10:30",
		"2018-11-04T00:00:00", "2026-11-23T24:00:00", "2026-11-23T14:30:00.000Z", "2024-02-29T00:00", "9999-12-31T23:30:00", "0000-00-00T00:00",
		"2026-11-23t14:30:00,0 08:00", "", "T", "2026-11-23T14:30:00\xff",
	} {
		f.Add(seed, uint8(i))
	}
	f.Fuzz(func(t *testing.T, text string, zone uint8) {
		z := zones[int(zone)%len(zones)]
		s, err := z.ParseSlot("timestamp", text)
		if err != nil {
			if meter.CodeOf(err) != meter.CodeInvalidTimestamp {
				t.Fatalf("%q: error %v", text, err)
			}
			return
		}
		if again, err := z.ParseSlot("timestamp", z.Stamp(s)); err != nil || again != s {
			t.Fatalf("%q is slot %d, %s, which is read back as %d, %v", text, s, z.Stamp(s), again, err)
		}
		if year := z.Time(s).Year(); year < 2000 || year > 9999 {
			t.Fatalf("%q was taken for a time in the year %d", text, year)
		}
	})
}

func TestABoundMayBeADate(t *testing.T) {
	for _, tt := range []struct{ zone, date, stamp string }{
		{"Asia/Singapore", "2026-11-23", "2026-11-23T00:00:00"},
		{"Asia/Singapore", "2000-01-01", "2000-01-01T00:00:00"},
		{"Asia/Singapore", "9999-12-31", "9999-12-31T00:00:00"},
		{"Europe/London", "2026-03-29", "2026-03-29T00:00:00"},
		{"America/Santiago", "2026-09-06", "2026-09-06T01:00:00"},     // the clock jumps over its midnight
		{"America/Havana", "2026-11-01", "2026-11-01T00:00:00-04:00"}, // its midnight comes twice
	} {
		z := loadZone(t, tt.zone)
		want, err := z.ParseSlot("start", tt.stamp)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := z.ParseBound("start", tt.date); err != nil || meter.Slot(got) != want {
			t.Errorf("%s in %s is slot %d, %v, want %d", tt.date, tt.zone, got, err, want)
		}
		if got, err := z.ParseBound("start", tt.stamp); err != nil || meter.Slot(got) != want {
			t.Errorf("%s in %s is slot %d, %v, want %d", tt.stamp, tt.zone, got, err, want)
		}
		if _, err := z.ParseSlot("timestamp", tt.date); meter.CodeOf(err) != meter.CodeInvalidTimestamp {
			t.Errorf("%s was taken as the time of a reading", tt.date)
		}
	}
	z := loadZone(t, "Asia/Singapore")
	for _, text := range []string{"", "1999-12-31", "2026-02-29", "2026-1-1", "20261123", "2026-11", "2026-11-23T", "2026-11-23Z", "2026-11-23 "} {
		if _, err := z.ParseBound("start", text); meter.CodeOf(err) != meter.CodeInvalidTimestamp {
			t.Errorf("%q: error %v", text, err)
		}
	}
}

func TestAnInstantMayBeADate(t *testing.T) {
	z := loadZone(t, "Asia/Singapore")
	for _, tt := range []struct{ text, stamp, problem string }{
		{"2026-11-23", "2026-11-23T00:00:00", ""},
		{"2026-11-23T14:10:05", "2026-11-23T14:10:05", ""},
		{"1999-12-31", "", "from lies outside the years"},
		{"2026-02-29", "", grammarOrDate},
		{"yesterday", "", grammarOrDate},
	} {
		got, err := z.ParseInstantOrDate("from", tt.text)
		if err == nil && (tt.problem != "" || z.StampTime(z.TimeOf(got)) != tt.stamp) {
			t.Errorf("%q is read as %s", tt.text, z.StampTime(z.TimeOf(got)))
		}
		if err != nil && (tt.problem == "" || !strings.HasPrefix(err.Error(), tt.problem)) {
			t.Errorf("%q: error %v, want %q", tt.text, err, tt.problem)
		}
	}
}

const grammarOrDate = "from must be a timestamp such as 2026-11-23T14:30:00 or 2026-11-23T06:30:00Z, or a date such as 2026-11-23"
