package pages_test

import (
	"net/http"
	"testing"
)

// closeOctober closes October 2026 and then has its archive be missing. Meter A reports from then until
// now.
func (s *suite) closeOctober() {
	s.t.Helper()
	s.register("A")
	s.record("A", "2026-10-25T00:00", count(48*29+21, 0, 10)...)
	s.press(actionsPath+"close", "", form("month", "2026-10", "step", "do")).wantTo(s.t, "/ui/operator/runs")
	s.wantFinished()
	if err := s.fs.Remove("Archive/monthly_2026-10.csv"); err != nil {
		s.t.Fatal(err)
	}
}

// TestWhatCannotBeDoneNowIsSaidBesideTheForm: who presses twice, or while a disk is full, goes on with what
// was typed.
func TestWhatCannotBeDoneNowIsSaidBesideTheForm(t *testing.T) {
	s := start(t)
	s.closeOctober()
	got := s.press(actionsPath+"archive", "", form("date", "2026-11-22", "step", "do"))
	if got.status != http.StatusServiceUnavailable {
		t.Fatalf("%d, want 503:\n%s", got.status, got.body)
	}
	got.want(t, `role="alert">None of the 1 archives`, `value="2026-11-22"`, `href="/ui/operator/runs"`)
	got = s.press(actionsPath+"retake", "", form("meter_id", "nobody", "step", "do"))
	if got.status != http.StatusNotFound {
		t.Errorf("%d, want 404", got.status)
	}
	got.want(t, `role="alert">Meter nobody is not registered.`, `value="nobody"`)
}

// TestAReadingThatCannotBeLookedUpIsAskedForAgain keeps what was typed.
func TestAReadingThatCannotBeLookedUpIsAskedForAgain(t *testing.T) {
	s := start(t)
	s.register("A")
	for query, problem := range map[string]string{
		"meter_id=A&timestamp=2026-11-23T09:45":      "Timestamp must lie on the hour or half hour.",
		"meter_id=nobody&timestamp=2026-11-23T09:30": "Meter nobody is not registered.",
		"meter_id=A%2F&timestamp=2026-11-23T09:30":   "meter_id must be",
	} {
		s.open(actionsPath+"correct?"+query, "").want(t, `role="alert">`+problem, `value="2026-11-23T09:`, "Show the reading")
	}
}

// TestAPageIsShownWithoutAnArchiveThatStandsBesideIt: the month is compared with October, and guessed by days of it.
func TestAPageIsShownWithoutAnArchiveThatStandsBesideIt(t *testing.T) {
	s := start(t)
	s.closeOctober()
	got := s.open("/ui/meters/A", "")
	got.want(t, "Today", "November 2026 so far")
	if got.says("in the whole month") {
		t.Error("the month is guessed without the archive")
	}
	s.open("/ui/meters/A/usage", "").want(t, "An archive of October 2026 cannot be read now", "Usage: November 2026")
	if got := s.get("/ui/meters/A/usage?at=2026-10-26", ""); got.status != http.StatusServiceUnavailable {
		t.Errorf("October itself: %d", got.status)
	}
}

// TestAnArrowPassesOverADayThatTheCalendarLeavesOut: Samoa had no 30 December 2011.
func TestAnArrowPassesOverADayThatTheCalendarLeavesOut(t *testing.T) {
	s := startIn(t, "Pacific/Apia", false)
	s.register("A")
	s.record("A", "2011-12-28T00:00", count(4*48+1, 0, 1000)...)
	s.open("/ui/meters/A/usage?by=day&at=2011-12-31", "").want(t,
		`rel="prev" href="/ui/meters/A/usage?at=2011-12-29&amp;by=day"`, ">Thu 29 Dec 2011</th>")
	s.open("/ui/meters/A/usage?by=day&at=2011-12-29", "").want(t, `rel="next" href="/ui/meters/A/usage?at=2011-12-31&amp;by=day"`)
}

// TestTheScaleOfAChartHasNoExponent holds large bars too.
func TestTheScaleOfAChartHasNoExponent(t *testing.T) {
	s := start(t)
	s.register("A")
	s.record("A", "2026-11-22T00:00", "0", "12345", "12345.0000001")
	s.open("/ui/meters/A/usage?by=day&at=2026-11-22", "").want(t, ">15000<", ">7500<")
}

// TestAMeterIsListedThoughItsReadingLiesAhead: the clock of a machine was put back.
func TestAMeterIsListedThoughItsReadingLiesAhead(t *testing.T) {
	s := start(t)
	s.register("A")
	s.record("A", "2026-11-23T09:30", "1", "2")
	s.setNow("2026-11-22T10:10:00")
	for _, path := range []string{"/", "/ui/operator/meters", "/ui/operator/meters?begins_with=A", "/ui/operator/gaps"} {
		s.open(path, "").want(t, ">A</a>")
	}
	s.open("/ui/operator/meters?stale_for=2h", "").want(t, "No meter is like that.")
	s.open("/ui/operator", "").want(t, `<td class="num">100.0 %</td>`)
}
