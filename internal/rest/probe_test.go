package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meterledger/internal/meter"
	"meterledger/internal/rest"
)

// probes are ids that a caller has nothing to do with: every second one is registered, and has
// readings.
const probes = 10_000

func probe(n int) meter.ID { return meter.ID(fmt.Sprintf("probe-%05d", n)) }

func newProbed(t *testing.T) *gated {
	t.Helper()
	s := newGated(newScript(t, "probe"))
	accounts, err := s.node.ImportAccounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := slotAt(s.zone, "2026-10-31T12:00")
	var readings []meter.Reading
	for n := -1; n < probes; n += 2 {
		id := probe(n)
		if n < 0 {
			id = "mine"
		}
		if err := accounts.Add(n, meter.Account{ID: id, OwnerName: "Lim", Address: "Road"}); err != nil {
			t.Fatal(err)
		}
		for i := range meter.Slot(3) {
			register, _ := meter.RegisterFromParts(int64(100+n+int(i)), 0)
			readings = append(readings, meter.Reading{Meter: id, Slot: first + 20*i, Register: register})
		}
	}
	if tally, err := accounts.Flush(); err != nil || tally.Refused > 0 {
		t.Fatal(tally, err)
	}
	recordMany(t, s.node, readings)
	s.must(t, "POST", "/maintenance/start?maintenance_type=monthly&month=2026-10", "")
	scope := meter.Scope{Meters: []meter.ID{"mine"}}
	s.door[householdBadge] = meter.Caller{Role: meter.RoleHousehold, Credential: "h", Scope: scope}
	s.door[senderBadge] = meter.Caller{Role: meter.RoleMeter, Credential: "m", Scope: scope}
	return s
}

// probeAll sends a request about each of the ids, and wants all answers to be the same but for the
// id. It prints how long both sorts took.
func (g *gated) probeAll(t *testing.T, badge, method, route string, path func(meter.ID) string) {
	t.Helper()
	var want answer
	var took [2]time.Duration
	for n := range probes {
		id := probe(n)
		begun := time.Now()
		got := g.ask(badge, method, path(id), "")
		took[n%2] += time.Since(begun)
		got.Body = strings.ReplaceAll(got.Body, string(id), "ID")
		if n == 0 {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s %s: one that is registered (+) is told from one that is not:\n%s", method, path(id), diff)
		}
	}
	if want.Status != http.StatusNotFound || !strings.Contains(want.Body, `"code":"meter_not_found"`) {
		t.Errorf("%s %s: %d %s", method, route, want.Status, want.Body)
	}
	t.Logf("%s %s: %v not registered, %v of somebody else", method, route, 2*took[0]/probes, 2*took[1]/probes)
}

func TestAnotherHomesMeterIsNoneThatExists(t *testing.T) {
	s := newProbed(t)
	queries := map[string][]string{
		"/account": {""}, "/meters/{meter_id}": {""}, "/get_last_month_bill": {""}, "/get_bill": {"month=2026-10"},
		"/meters/{meter_id}/gaps":    {"month=2026-10"},
		"/meters/{meter_id}/history": {"from=2026-10-31"},
		"/get_consumption":           {"period=last_month&estimate=auto&compare=previous", "period=last_30min"},
		"/get_readings":              {"start=2026-10-31&end=2026-11-01&estimate=linear", "format=csv"},
	}
	for _, route := range rest.HomeRoutes() {
		if len(queries[route]) == 0 {
			t.Errorf("nobody probes %s", route)
		}
		for _, query := range queries[route] {
			if got := s.ask(householdBadge, "GET", pathOf(route, "mine", query), ""); strings.Contains(got.Body, "meter_not_found") {
				t.Errorf("%s of the caller's own meter: %d %s", route, got.Status, got.Body)
			}
			s.probeAll(t, householdBadge, "GET", route, func(id meter.ID) string { return pathOf(route, id, query) })
		}
	}
}

func TestReadingsOfAnotherMeterAreOfNoneThatExists(t *testing.T) {
	s := newProbed(t)
	s.must(t, "POST", "/receive_meter_reading?meter_id=mine&timestamp=2026-10-31T12:30:00&reading=100", "")
	before := s.ask(operatorBadge, "GET", "/export_readings?month=2026-10", "")
	const reading = "timestamp=2026-10-31T12:30:00&reading=100"
	s.probeAll(t, senderBadge, "POST", "/receive_meter_reading", func(id meter.ID) string { return pathOf("/receive_meter_reading", id, reading) })
	for media, row := range map[string]string{
		"text/csv":             "%s,2026-10-31T12:30:00,100\n",
		"application/x-ndjson": `{"meter_id":%q,"timestamp":"2026-10-31T12:30:00","reading":100}` + "\n",
	} {
		body := strings.Builder{}
		if media == "text/csv" {
			body.WriteString(meter.RowHeader + "\n")
		}
		for n := range probes {
			fmt.Fprintf(&body, row, string(probe(n)))
		}
		fmt.Fprintf(&body, row, "mine")
		got := s.ask(senderBadge, "POST", "/receive_meter_readings", body.String(), "Content-Type", media)
		want := fmt.Sprintf(`{"accepted":0,"duplicates":1,"rejected":%d,"retry":0,"errors":[`, probes)
		for n := range meter.RefusalsMax {
			want += fmt.Sprintf(`{"row":%d,"code":"meter_not_found","detail":"meter %s is not registered"},`, n+1, probe(n))
		}
		if want = strings.TrimSuffix(want, ",") + "]}\n"; got.Body != want {
			t.Errorf("%s: %d %.300s\nwant %.300s", media, got.Status, got.Body, want)
		}
	}
	if after := s.ask(operatorBadge, "GET", "/export_readings?month=2026-10", ""); after.Body != before.Body {
		t.Errorf("something was recorded: %d bytes before, %d after", len(before.Body), len(after.Body))
	}
}
