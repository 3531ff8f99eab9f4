package tour

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"meterledger/internal/meter"
	"meterledger/internal/tools/households"
)

// tourOf runs the demo against a suite with a fault and returns what it printed.
func tourOf(t *testing.T, f fault, timezone string, now time.Time) (string, error) {
	t.Helper()
	zone, err := meter.LoadZone(timezone)
	if err != nil {
		t.Fatal(err)
	}
	all, err := households.Load()
	if err != nil {
		t.Fatal(err)
	}
	// One that is posted singly, one in pieces with gaps, one that leaves, and one more.
	sample := []households.Household{all[0], all[7], all[9], all[11]}
	suite := newFakeSuite(t, f, zone, now)
	var out strings.Builder
	demo := newTour(&out, zone, func() time.Time { return now }, sample)
	demo.api, demo.daily, demo.monthly = callerOf(suite.url), callerOf(suite.url), callerOf(suite.url)
	demo.folder = suite.folder
	demo.pieceAgain = 0
	err = demo.run(t.Context())
	return strings.ReplaceAll(out.String(), suite.folder, "demo"), err
}

var afternoon = time.Date(2026, time.November, 23, 11, 10, 0, 0, time.UTC)

func TestDemoOfAnHonestSuiteFindsNoDifference(t *testing.T) {
	for _, c := range []struct {
		name, timezone string
		now            time.Time
	}{
		{"an afternoon", "Asia/Singapore", afternoon},
		{"the first minutes of a month", "Asia/Singapore", time.Date(2026, time.October, 31, 16, 1, 0, 0, time.UTC)},
		{"the last half hour of a month", "Asia/Singapore", time.Date(2026, time.December, 31, 15, 59, 0, 0, time.UTC)},
		{"a February", "Asia/Singapore", time.Date(2027, time.March, 9, 1, 0, 0, 0, time.UTC)},
		{"clocks put back last month", "Europe/London", afternoon},
		{"clocks put forward this month", "Europe/London", time.Date(2027, time.March, 30, 9, 0, 0, 0, time.UTC)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if out, err := tourOf(t, none, c.timezone, c.now); err != nil {
				t.Errorf("%v:\n%s", err, out)
			}
		})
	}
}

func TestDemoEndsWithAnErrorWhereTheSuiteIsWrong(t *testing.T) {
	for f, want := range map[fault]string{
		losesReading:   `!! last_month of MAC000003: the api says`,
		miscountsPiece: `!! MAC000047: 2571 readings were posted and 6 of them neither accepted nor refused`,
		dropsRow:       `!! .*monthly_2026-10.csv has \d+ rows where \d+ were accepted; they differ from line \d+ on`,
		forgetsMonth:   `!! MAC000003 custom: before the clearing the api said`,
		bendsBill:      `!! the bill of MAC000003: the api says`,
		forgetsRefused: `!! MAC\d+: of \d+ refused readings 0 were retaken, and \d+ refused`,
		losesExchange:  `!! last_month of MAC\d+: the api says`,
		findsNothing:   `!! MAC\d+: 0 exceptions are HIGH, where there is one`,
		takesMistakes:  `!! less than before: answered with code "", where it should be "reading_decreases"`,
	} {
		t.Run(string(f), func(t *testing.T) {
			out, err := tourOf(t, f, "Asia/Singapore", afternoon)
			if !errors.Is(err, errDiffers) {
				t.Errorf("the error is %v", err)
			}
			if !regexp.MustCompile(want).MatchString(out) {
				t.Errorf("nothing matches %s in:\n%s", want, out)
			}
		})
	}
}

func TestRefusedReadingsAreNamedAndNotMissed(t *testing.T) {
	out, err := tourOf(t, refusesPlenty, "Asia/Singapore", afternoon)
	if err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
	if n := strings.Count(out, "refused 1 with overloaded, such as: reading is too much"); n != 4 {
		t.Errorf("%d of 4 households have their refusal named:\n%s", n, out)
	}
}

func TestReadingsThatCameAtABadMomentAreSentAgain(t *testing.T) {
	out, err := tourOf(t, isBusy, "Asia/Singapore", afternoon)
	if err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
	const want = "total                            15486      5494      9992      8793           0     1199\n"
	if !strings.Contains(out, want) {
		t.Errorf("no line is %q:\n%s", want, out)
	}
}

func TestOutputFitsItsColumns(t *testing.T) {
	out, err := tourOf(t, none, "Asia/Singapore", afternoon)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > columnsMax {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}
