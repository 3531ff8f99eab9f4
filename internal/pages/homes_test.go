package pages_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
	"meterledger/internal/tools/households"
)

// answer asks the api what a page asks it. It is nil if the api has no answer.
func answer[A any](s *suite, path string) *A {
	s.t.Helper()
	r := s.request(http.MethodGet, path, s.operator, nil)
	r.Header.Set("Accept", "application/json")
	into := new(A)
	if got := s.do(r); got.status == http.StatusNotFound {
		return nil
	} else if err := json.Unmarshal([]byte(got.body), into); err != nil || got.status != http.StatusOK {
		s.t.Fatalf("GET %s: %d %s", path, got.status, got.body)
	}
	return into
}

// asOf lets a caller ask the api, until what is returned is called.
func (s *suite) asOf(token string) (back func()) {
	was := s.operator
	s.operator = token
	return func() { s.operator = was }
}

// realHome is a household of the sample, as one of those who may ask about it.
type realHome struct{ id, token string }

// startRealHomes returns four real homes of London in autumn 2026, when the clock is put back. Each has a
// life: the first has readings of the autumn before too, another's meter was exchanged, of one readings are
// missing and some came late, and of one they were corrected. Their bills of September were revised. Of each
// asks who sees all of it, and who lived there for a part of the time.
func startRealHomes(t *testing.T) (s *suite, homes []realHome) {
	t.Helper()
	s = startIn(t, "Europe/London", true)
	sample, err := households.Load()
	if err != nil {
		t.Fatal(err)
	}
	until := s.slot("2026-11-23T10:00:00")
	readings := make([][]meter.Reading, 4)
	for i := range readings {
		id, opening := meter.ID(sample[i].ID), decimal.New(int64(1_000_500+i), -3)
		s.register(id)
		if i == 0 {
			before := sample[i].Registers(opening)
			readings[i], opening = households.Shift(id, before, s.slot("2025-08-26T00:00:00"), until).Readings, before[len(before)-1].Value
		}
		readings[i] = append(readings[i], households.Shift(id, sample[i].Registers(opening), s.slot("2026-08-26T00:00:00"), until).Readings...)
		homes = append(homes, realHome{string(id), s.issue(meter.RoleHousehold, id)},
			realHome{string(id), s.issueWithin(t, id, "2026-09-14T07:00:00", "2026-11-04T21:40:00")})
	}
	s.send(readings[0])
	s.exchange(readings[1], s.slot("2026-10-12T10:00:00"))
	late := s.sendWithGaps(readings[2])
	s.send(readings[3])
	s.close("2025-08", "2025-09", "2026-08", "2026-09", "2026-10")
	s.send(late)
	of := func(n int) [3]string {
		reading := readings[3][n]
		return [3]string{s.zone.Stamp(reading.Slot), reading.Register.String(), readings[3][n+1].Register.String()}
	}
	withdrawn := of(1_000)
	withdrawn[2] = ""
	s.correct(string(readings[3][0].Meter), of(700), withdrawn, of(3_000))
	s.close("2026-09")
	return s, homes
}

// send sends readings.
func (s *suite) send(readings []meter.Reading) {
	s.t.Helper()
	rows := &strings.Builder{}
	rows.WriteString("meter_id,timestamp,reading\n")
	for _, r := range readings {
		fmt.Fprintf(rows, "%s,%s,%s\n", r.Meter, s.zone.Stamp(r.Slot), r.Register)
	}
	var result struct{ Accepted int }
	s.ask(http.MethodPost, "/receive_meter_readings", rows.String(), &result)
	if result.Accepted != len(readings) {
		s.t.Fatalf("%d readings of %d were taken", result.Accepted, len(readings))
	}
}

// sendWithGaps sends readings, of which every 100th and some days are missing. It returns those of the days.
func (s *suite) sendWithGaps(readings []meter.Reading) (late []meter.Reading) {
	s.t.Helper()
	var sent []meter.Reading
	for n, r := range readings {
		switch day := s.zone.DayOf(r.Slot).Day; {
		case day == 5 || day == 31:
			late = append(late, r)
		case n%100 != 50:
			sent = append(sent, r)
		}
	}
	s.send(sent)
	return late
}

// exchange sends readings of a meter that is exchanged ten minutes after a slot for one that shows 12.5 kWh.
func (s *suite) exchange(readings []meter.Reading, at meter.Slot) {
	s.t.Helper()
	for n, r := range readings {
		if r.Slot != at {
			continue
		}
		s.send(readings[:n+1])
		stamp := s.zone.StampTime(s.zone.Time(at).Add(10 * 60e9))
		s.ask(http.MethodPost, fmt.Sprintf("/meters/%s/exchange?at=%s&old_reading=%s&new_reading=12.5&new_serial=S-2", r.Meter, stamp, r.Register), "", nil)
		for i := range readings[n+1:] {
			after := &readings[n+1+i].Register
			now := decimal.RequireFromString(after.String()).Sub(decimal.RequireFromString(r.Register.String())).Add(decimal.New(125, -1))
			*after, _ = meter.ParseRegister([]byte(now.String()))
		}
		s.send(readings[n+1:])
	}
}

// close closes months.
func (s *suite) close(months ...string) {
	s.t.Helper()
	for _, month := range months {
		s.ask(http.MethodPost, "/maintenance/start?maintenance_type=monthly&month="+month, "", nil)
	}
}
