package rest_test

import (
	"net/http"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"meterledger/api"
	"meterledger/internal/rest"
)

func guarded(o *rest.Options) { o.Door = someCallers }

// TestEveryNodeAnswersWhatOnlyTheLeaderDoes asks each of three nodes.
func TestEveryNodeAnswersWhatOnlyTheLeaderDoes(t *testing.T) {
	for name, options := range map[string]func(*rest.Options){"with access off": nil, "with access on": guarded} {
		t.Run(name, func(t *testing.T) { answersEverywhere(t, newMembers(t, options)) })
	}
}

func answersEverywhere(t *testing.T, ms *members) {
	if got := ms.a.ask(http.MethodPost, "/receive_meter_reading?meter_id=A&timestamp=2026-11-22T10:30&reading=3", ""); got.Status != http.StatusBadRequest {
		t.Fatalf("%+v", got)
	}
	for _, m := range []*member{ms.b, ms.c, ms.a} {
		run := answerAs[api.MaintenanceResult](t, ms.post(m, "/maintenance/start?maintenance_type=daily"))
		if len(run.Archives) != 1 || run.Archives[0].Rows != 2 {
			t.Errorf("%s says that these were archived: %+v", m.name, run.Archives)
		}
		restored := answerAs[api.RestoreResult](t, ms.post(m, "/restore_data"))
		if restored.Duplicates != 2 || !restored.Complete {
			t.Errorf("%s says that this was restored: %+v", m.name, restored)
		}
	}
	same := func(path string, header ...string) (of answer) {
		t.Helper()
		for _, m := range []*member{ms.a, ms.b, ms.c} {
			got := m.ask(http.MethodGet, path, "", header...)
			if got.Header.Get("Ledger-Position") == "" {
				t.Errorf("%s %s: %s says no position", path, header, m.name)
			}
			got.Header.Del("Ledger-Position") // a node writes by itself too
			got.Header.Del("Date")
			if m == ms.a {
				of = got
			} else if diff := gocmp.Diff(of, got); diff != "" {
				t.Errorf("%s %s: (-the node that leads +%s)\n%s", path, header, m.name, diff)
			}
		}
		if of.Status != http.StatusOK {
			t.Errorf("%s is answered with %+v", path, of)
		}
		return of
	}
	status := answerAs[api.MaintenanceStatus](t, same("/maintenance/status"))
	if run := status.LastRuns[api.Daily]; run == nil || !run.Success || len(status.Archives) != 1 || len(status.Due) != 0 {
		t.Errorf("the status is %+v", status)
	}
	same("/maintenance/status", "Accept-Encoding", "gzip")
	found := answerAs[api.Exceptions](t, same("/exceptions"))
	if found.Count < 2 {
		t.Fatalf("these exceptions were found: %+v", found)
	}
	same("/exceptions?format=csv")
	same("/exceptions?page_size=1")
	same("/maintenance/status", "Read-Consistency", "strong")
	same("/maintenance/status", "Ledger-After", ms.c.ask("GET", "/maintenance/status", "").Header.Get("Ledger-Position"))
	for n, m := range []*member{ms.b, ms.c} {
		e := found.Results[n]
		ms.post(m, "/exceptions/resolve?meter_id="+string(e.MeterID)+"&rule="+e.Rule+"&from="+e.From+"&verdict=accepted&reason=a+kiln")
	}
	if left := answerAs[api.Exceptions](t, same("/exceptions")); left.Count != found.Count-2 {
		t.Errorf("of %d exceptions two were resolved, and %d are open", found.Count, left.Count)
	}
}

// TestReceptionIsSwitchedAtAnyNode: that is a fact of the order, which needs no leader to be asked.
func TestReceptionIsSwitchedAtAnyNode(t *testing.T) {
	ms := newMembers(t, nil)
	ms.post(ms.b, "/shutdown")
	for _, m := range []*member{ms.a, ms.b, ms.c} {
		if got := m.ask(http.MethodPost, "/receive_meter_reading?meter_id=A&timestamp=2026-11-22T11:00&reading=11", ""); !strings.Contains(got.Body, `"not_receiving"`) {
			t.Errorf("%s answers a reading with %+v", m.name, got)
		}
		if got := m.ask(http.MethodPost, "/shutdown", ""); !strings.Contains(got.Body, `"already_shut_down"`) {
			t.Errorf("%s is shut down again: %+v", m.name, got)
		}
	}
	ms.post(ms.c, "/resume")
	ms.post(ms.a, "/receive_meter_reading?meter_id=A&timestamp=2026-11-22T11:00&reading=11")
}

// TestWhatIsWrongIsAnsweredAlikeByEveryNode compares answers byte by byte.
func TestWhatIsWrongIsAnsweredAlikeByEveryNode(t *testing.T) {
	ms := newMembers(t, nil)
	json := []string{"Content-Type", "application/json"}
	for _, of := range []struct {
		method, path, body string
		header             []string
		status             int
	}{
		{"POST", "/maintenance/start", "", nil, http.StatusBadRequest},
		{"POST", "/maintenance/start?maintenance_type=daily&date=2027-01-01", "", nil, http.StatusBadRequest},
		{"POST", "/maintenance/start?maintenance_type=daily&nonsense=1", "", nil, http.StatusBadRequest},
		{"POST", "/maintenance/start", `{"maintenance_type":"daily","date":"2026-02-30"}`, json, http.StatusBadRequest},
		{"POST", "/maintenance/start", `{"maintenance_type":"daily","pad":"` + strings.Repeat("x", 64<<10) + `"}`, json, http.StatusRequestEntityTooLarge},
		{"POST", "/maintenance/start", `{"maintenance_type":`, json, http.StatusBadRequest},
		{"POST", "/maintenance/start", `maintenance_type=daily`, []string{"Content-Type", "text/plain"}, http.StatusUnsupportedMediaType},
		{"POST", "/maintenance/start", `maintenance_type=daily`, []string{"Content-Type", "application/x-www-form-urlencoded", "Content-Encoding", "gzip"}, http.StatusUnsupportedMediaType},
		{"GET", "/maintenance/status?x=1", "", nil, http.StatusBadRequest},
		{"GET", "/maintenance/status", "", []string{"Ledger-After", "nowhere/1"}, http.StatusBadRequest},
		{"GET", "/maintenance/status", "", []string{"Read-Consistency", "weak"}, http.StatusBadRequest},
		{"GET", "/exceptions?rule=NONE", "", nil, http.StatusBadRequest},
		{"GET", "/exceptions?meter_id=none", "", nil, http.StatusNotFound},
		{"POST", "/exceptions/resolve?meter_id=A", "", nil, http.StatusBadRequest},
		{"POST", "/restore_data?x=1", "", nil, http.StatusBadRequest},
		{"PUT", "/maintenance/start", "", nil, http.StatusMethodNotAllowed},
		{"GET", "/leader/maintenance/status", "", nil, http.StatusNotFound},
		{"HEAD", "/maintenance/status", "", nil, http.StatusOK},
	} {
		want, got := ms.a.ask(of.method, of.path, of.body, of.header...), ms.b.ask(of.method, of.path, of.body, of.header...)
		for _, header := range []http.Header{want.Header, got.Header} {
			header.Del("Date")
			header.Del("Ledger-Position") // a node writes by itself too
			header.Del("Connection")      // whether the rest of a body is waited for
		}
		if diff := gocmp.Diff(want, got); diff != "" || want.Status != of.status {
			t.Errorf("%s %s: want status %d (-the node that leads +another)\n%s", of.method, of.path, of.status, diff)
		}
	}
}
