package load

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
)

// noon is the fleet's clock: 2026-11-23 12:10 in Singapore.
func noon(t *testing.T) func() time.Time {
	t.Helper()
	now, err := time.Parse(time.RFC3339, "2026-11-23T12:10:00+08:00")
	if err != nil {
		t.Fatal(err)
	}
	return func() time.Time { return now }
}

// small are few meters on few connections.
func small(more ...string) []string {
	return append([]string{"-register", "-meters", "10", "-slots", "4", "-connections", "3"}, more...)
}

func inBulk(more ...string) []string { return small(append(more, "-rows", "7")...) }

func TestEveryReadingIsSentAndFoundAgain(t *testing.T) {
	for name, flags := range map[string][]string{
		"one by one": small(), "in bulk": inBulk(), "at a rate": small("-rate", "100"), "in bulk at a rate": inBulk("-rate", "10"),
	} {
		t.Run(name, func(t *testing.T) {
			api := newFakeAPI(t)
			said, err := play(t, api, flags...)
			if err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			for id, held := range api.held {
				if len(held) != 4 {
					t.Errorf("%d readings of %s were sent, want 4", len(held), id)
				}
			}
			if !strings.Contains(said, "check: 10 of 10 meters, 40 acknowledged readings: the api holds exactly these") {
				t.Errorf("said:\n%s", said)
			}
		})
	}
}

func TestEachRequestHasTheToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("mlm_head\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{small(), inBulk()} {
		api := newFakeAPI(t)
		if said, err := play(t, api, append(flags, "-api-token-file", path)...); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		if diff := cmp.Diff(slices.Repeat([]string{"Bearer mlm_head"}, len(api.calls)), api.sent); diff != "" || len(api.calls) == 0 {
			t.Error(diff)
		}
	}
	if _, err := parseSettings([]string{"-api-token-file", path + "x"}, func(string) string { return "" }, t.Output()); err == nil || !strings.Contains(err.Error(), "-api-token-file") {
		t.Errorf("without the file the error is %v", err)
	}
}

func TestMetersThatAreRegisteredStaySo(t *testing.T) {
	api := newFakeAPI(t)
	api.held["fleet-0000003"] = map[meter.Slot]meter.Register{}
	said, err := play(t, api, small()...)
	if err != nil || !strings.Contains(said, "10 meters are registered") || api.count("POST /import_accounts") != 1 {
		t.Errorf("%v after %q\n%s", err, api.calls, said)
	}
}

func TestOneHalfHourIsOneReadingOfEachMeter(t *testing.T) {
	api := newFakeAPI(t)
	said, err := play(t, api, "-register", "-meters", "10", "-slots", "1", "-rows", "4", "-connections", "3")
	if err != nil || !strings.Contains(said, "10 readings, 4 in one request, as fast as they are taken") {
		t.Fatalf("%v\n%s", err, said)
	}
	twelve := api.zone.Floor(noon(t)())
	for id, held := range api.held {
		if _, there := held[twelve]; !there || len(held) != 1 {
			t.Errorf("%s has %v, want one reading of 12:00", id, held)
		}
	}
	if n := api.count("POST /receive_meter_readings"); n != 3 {
		t.Errorf("%d bodies of 4 readings were sent for 10 meters", n)
	}
}

func TestApiThatIsWrongIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		break_ func(*fakeAPI)
		flags  []string
		says   string
	}{
		"loses one of many":          {func(f *fakeAPI) { f.loses = 17 }, small(), "1 lost, 0 altered, 0 invented"},
		"loses one row":              {func(f *fakeAPI) { f.loses = 3 }, inBulk(), "1 lost, 0 altered, 0 invented"},
		"alters one":                 {func(f *fakeAPI) { f.alters = 40 }, small(), "0 lost, 1 altered, 0 invented"},
		"alters one row":             {func(f *fakeAPI) { f.alters = 1 }, inBulk(), "0 lost, 1 altered, 0 invented"},
		"refuses one and keeps it":   {func(f *fakeAPI) { f.keepsAlso = 5 }, small(), "0 lost, 0 altered, 1 invented"},
		"refuses a row and keeps it": {func(f *fakeAPI) { f.keepsAlso = 2 }, inBulk(), "0 lost, 0 altered, 1 invented"},
	} {
		t.Run(name, func(t *testing.T) {
			api := newFakeAPI(t)
			c.break_(api)
			said, err := play(t, api, c.flags...)
			if !errors.Is(err, errDiffers) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error is %v, want %q\n%s", err, c.says, said)
			}
			if !strings.Contains(said, "meter fleet-00000") {
				t.Errorf("the meter is not named:\n%s", said)
			}
		})
	}
}

func TestLossOutsideTheSampleIsNotSeen(t *testing.T) {
	api := newFakeAPI(t)
	api.loses = 2 // the first connections take the first meters: it is not one of meters 0 and 5
	said, err := play(t, api, small("-check", "2", "-connections", "1")...)
	if err != nil || !strings.Contains(said, "check: 2 of 10 meters, 8 acknowledged readings") {
		t.Errorf("%v\n%s", err, said)
	}
	if n := api.count("GET /get_readings"); n != 2 {
		t.Errorf("%d meters were asked for, want 2", n)
	}
	if said, err := play(t, newFakeAPI(t), small("-check", "0")...); err != nil || !strings.Contains(said, "check: left out") {
		t.Errorf("%v\n%s", err, said)
	}
}

func TestBusyApiIsGivenTheTimeItAsksFor(t *testing.T) {
	for name, flags := range map[string][]string{"one by one": small(), "in bulk": inBulk()} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := newFakeAPI(t)
				api.busyFrom, api.busyFor = 2, 4
				begun := time.Now()
				said, err := playHere(t, t.Context(), api, append(flags, "-connections", "1")...)
				if err != nil || !strings.Contains(said, "0 refused, 0 without a final answer, 4 requests sent again") {
					t.Errorf("%v\n%s", err, said)
				}
				// Four times three seconds, and the pauses that grow: 25 ms or more, doubling.
				if took := time.Since(begun); took < 12375*time.Millisecond || took > 14*time.Second {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

func TestReadingWhoseAnswerWasLostIsSentAgain(t *testing.T) {
	for name, flags := range map[string][]string{"one by one": small(), "in bulk": inBulk()} {
		t.Run(name, func(t *testing.T) {
			api := newFakeAPI(t)
			api.hangsUpAt = 4
			said, err := play(t, api, flags...)
			if err != nil || !strings.Contains(said, "40 readings acknowledged") || !strings.Contains(said, "1 requests sent again") {
				t.Errorf("%v\n%s", err, said)
			}
		})
	}
}

func TestRowThatCannotBeTakenNowIsSentAgain(t *testing.T) {
	api := newFakeAPI(t)
	api.rowIsBusy = 2
	said, err := play(t, api, inBulk()...)
	if err != nil || !strings.Contains(said, "40 readings acknowledged") || !strings.Contains(said, "1 requests sent again") {
		t.Errorf("%v\n%s", err, said)
	}
}

func TestPatienceEndsAndTheReadingIsInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(t)
		api.brokenPast = 39
		begun := time.Now()
		said, err := playHere(t, t.Context(), api, small("-connections", "1")...)
		if err != nil || !strings.Contains(said, "38 readings acknowledged") || !strings.Contains(said, "2 without a final answer") {
			t.Errorf("%v\n%s", err, said)
		}
		if took := time.Since(begun); took < 2*caller.Patience || took > 3*caller.Patience {
			t.Errorf("it took %s", took)
		}
	})
}

func TestRefusalsAreCountedByCode(t *testing.T) {
	for name, flags := range map[string][]string{
		"one by one": {"-meters", "10", "-slots", "4"}, "in bulk": {"-meters", "10", "-slots", "4", "-rows", "1000"},
	} {
		t.Run(name, func(t *testing.T) {
			said, err := play(t, newFakeAPI(t), flags...) // without -register
			if err != nil {
				t.Error(err)
			}
			for _, want := range []string{
				"0 readings acknowledged", "40 refused",
				"  refused 40 with meter_not_found, such as: meter fleet-0000", "-register registers the meters first",
			} {
				if !strings.Contains(said, want) {
					t.Errorf("%q is not said:\n%s", want, said)
				}
			}
		})
	}
}

func TestPaceIsKeptAndProgressTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(t)
		api.answersAfter = time.Millisecond // no answer and no line of progress fall on the same instant
		begun := time.Now()
		said, err := playHere(t, t.Context(), api, small("-rate", "8")...)
		if err != nil {
			t.Fatal(err)
		}
		// Registering takes one answer, and checking ten meters over three connections four. The last of 40 readings
		// is due after 39 eighths of a second.
		if took := time.Since(begun); took != 39*time.Second/8+6*time.Millisecond {
			t.Errorf("it took %s", took)
		}
		if lines := strings.Count(said, " acknowledged  8/s  p99 "); lines != 4 {
			t.Errorf("%d lines of progress say 8/s, want 4:\n%s", lines, said)
		}
	})
}

func TestInterruptedFleetSaysHowFarItCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		said, err := playHere(t, ctx, newFakeAPI(t), small("-rate", "8")...)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(said, "readings acknowledged in 2s") {
			t.Errorf("%v\n%s", err, said)
		}
	})
}

func TestWrongSettingIsNamed(t *testing.T) {
	for flags, want := range map[string]string{
		"-meters 0":                       "-meters: must be 1 to",
		"-meters 10000000 -slots 17520":   "-meters times -slots: must be 1 to",
		"-connections 99999":              "-connections: must be",
		"-rows -1":                        "-rows: must be 0 to",
		"-check -1":                       "-check: must be 0 to",
		"-rate -1":                        "-rate: must be 0 to",
		"-check some":                     "-check: ",
		"-timezone Mars":                  "-timezone: ",
		"-api-url ftp://localhost":        "-api-url: ",
		"-api-url https://localhost":      "-api-url: ",
		"-api-url http://localhost/a?b=c": "-api-url: ",
		"now":                             "unexpected argument \"now\"",
		"-speed 3":                        "flag provided but not defined: -speed",
	} {
		_, err := parseSettings(strings.Fields(flags), func(string) string { return "" }, t.Output())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v, want %q", flags, err, want)
		}
	}
}

func TestSettingsComeFromTheProgramsEnvironment(t *testing.T) {
	env := map[string]string{"API_URL": "http://example.org/", "TIMEZONE": "Europe/London"}
	s, err := parseSettings(nil, func(name string) string { return env[name] }, t.Output())
	if err != nil || s.host != "example.org:80" || s.zone.String() != "Europe/London" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestHelpListsEverySetting(t *testing.T) {
	var help bytes.Buffer
	if _, err := parseSettings([]string{"-h"}, func(string) string { return "" }, &help); err == nil {
		t.Error("-h is no setting")
	}
	for _, flag := range []string{"api-url", "api-token-file", "check", "connections", "meters", "prefix", "rate", "register", "rows", "slots", "timezone"} {
		if !regexp.MustCompile(`(?m)^  -` + flag + `\b`).MatchString(help.String()) {
			t.Errorf("-%s is not in the help", flag)
		}
	}
}

func TestMetersCannotReportBeforeTheyWereInstalled(t *testing.T) {
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	then := func() time.Time { return time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC) }
	if _, err := newFleet(settings{zone: zone, meters: 1, prefix: "m", slots: 100}, nil, then, nil); err == nil || !strings.Contains(err.Error(), "2020-01-01") {
		t.Errorf("the error is %v", err)
	}
}
