package rest_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"meterledger/api"
	"meterledger/internal/rest"
)

// audited returns the lines of a node's audit log of one request.
func audited(t *testing.T, m *member, id string) (lines []api.AuditLine) {
	t.Helper()
	for _, line := range answerAs[api.Audit](t, m.ask(http.MethodGet, "/audit", "")).Lines {
		if line.RequestID == id {
			line.Time = nil
			lines = append(lines, line)
		}
	}
	return lines
}

// TestAForwardedChangeIsAuditedOnceWithItsCaller at the node that makes it; who is refused, where that was.
func TestAForwardedChangeIsAuditedOnceWithItsCaller(t *testing.T) {
	ms := newMembers(t, guarded)
	const run = "/maintenance/start?maintenance_type=daily"
	if got := ms.b.ask("POST", run, "", "X-Request-Id", "by-b"); got.Status != http.StatusOK || got.Header.Get("X-Request-Id") != "by-b" {
		t.Fatalf("%+v", got)
	}
	ms.a.ask("POST", run, "", "X-Request-Id", "by-a")
	forwarded, own := audited(t, ms.a, "by-b"), audited(t, ms.a, "by-a")
	for n := range own {
		own[n].RequestID = "by-b"
	}
	if diff := gocmp.Diff(own, forwarded); diff != "" || len(own) == 0 {
		t.Errorf("(-asked of the node that leads +forwarded)\n%s", diff)
	}
	for _, line := range forwarded {
		if *line.Credential != "aaaaaaaaaaaaaaaa" || *line.By != "Lim & Söhne" || line.Role != "operator" || line.Address != "127.0.0.1" || line.What != "POST /maintenance/start" {
			t.Errorf("the line is %+v", line)
		}
	}
	if lines := audited(t, ms.b, "by-b"); len(lines) > 0 {
		t.Errorf("the node that forwards writes %+v", lines)
	}
	if got := ms.b.ask("POST", run, "", "Authorization", "auditor", "X-Request-Id", "refused"); got.Status != http.StatusForbidden {
		t.Errorf("%+v", got)
	}
	if here, there := audited(t, ms.b, "refused"), audited(t, ms.a, "refused"); len(here) != 1 || len(there) != 0 {
		t.Errorf("a refusal is written as %+v and %+v", here, there)
	}
}

// TestNobodyButANodeSaysForWhomItAsks with all that a caller could think of.
func TestNobodyButANodeSaysForWhomItAsks(t *testing.T) {
	ms := newMembers(t, guarded)
	operator := url.Values{"role": {"operator"}, "credential": {"aaaaaaaaaaaaaaaa"}, "label": {""}}.Encode()
	run := "/maintenance/start?maintenance_type=daily"
	for _, m := range []*member{ms.a, ms.b} {
		for badge, want := range map[string]int{"": http.StatusUnauthorized, "unknown": http.StatusUnauthorized, "auditor": http.StatusForbidden, householdBadge: http.StatusForbidden} {
			for _, header := range [][]string{
				{"Ledger-Caller", operator},
				{"Ledger-Caller", operator, "Connection", "Ledger-Caller"},
				{"Ledger-Caller", operator, "Via", "1.1 b", "X-Forwarded-For", "127.0.0.1"},
			} {
				got := m.ask("POST", run, "", append([]string{"Authorization", badge}, header...)...)
				if got.Status != want {
					t.Errorf("%s answers %q with %v: %d %s", m.name, badge, header, got.Status, got.Body)
				}
			}
		}
		for _, path := range []string{"/leader" + run, "/leader/maintenance/status", "/%6Ceader/maintenance/status", "//leader/maintenance/status"} {
			if got := m.ask("GET", path, "", "Ledger-Caller", operator); got.Status != http.StatusNotFound && got.Status != http.StatusMethodNotAllowed {
				t.Errorf("%s answers %s with %+v", m.name, path, got)
			}
		}
	}
	// An auditor may ask for the status: whatever else that one sends, it is an auditor who asks there.
	spy := &spied{header: make(chan http.Header, 1)}
	others := newMembers(t, func(o *rest.Options) { guarded(o); o.Peers = spy })
	for _, header := range []http.Header{
		{"Ledger-Caller": {operator}},
		{"Ledger-Caller": {operator, operator}},
		{"Ledger-Caller": {operator}, "Connection": {"ledger-caller"}},
		{"ledger-caller": {operator}},
		{"Ledger_Caller": {operator}},
	} {
		r := others.b.request(t.Context(), "GET", "/maintenance/status", "")
		for name, values := range header {
			r.Header[name] = values
		}
		r.Header["Cookie"], r.Header["Forwarded"] = []string{"session=x"}, []string{"for=10.0.0.1"}
		r.Header.Set("Authorization", "auditor")
		answered(t, http.DefaultTransport, r)
		sent := <-spy.header
		said, err := url.ParseQuery(sent.Get("Ledger-Caller"))
		if err != nil || len(sent["Ledger-Caller"]) != 1 || said.Get("role") != "auditor" || said.Get("credential") != "bbbbbbbbbbbbbbbb" {
			t.Errorf("with %v the node says that %q asks", header, sent["Ledger-Caller"])
		}
		for name := range sent {
			if !slices.Contains([]string{"Ledger-Caller", "X-Request-Id", "X-Forwarded-For", "Accept", "Accept-Encoding", "Content-Type", "Content-Encoding", "User-Agent", "Ledger-After", "Read-Consistency"}, name) {
				t.Errorf("the node passes %s on", name)
			}
		}
	}
}

// TestAnAnswerForWhomNobodySaidIsNoOperators on the listener of peers.
func TestAnAnswerForWhomNobodySaidIsNoOperators(t *testing.T) {
	ms := newMembers(t, guarded)
	operator := url.Values{"role": {"operator"}, "credential": {"aaaaaaaaaaaaaaaa"}, "label": {""}}.Encode()
	for _, of := range []struct {
		callers []string
		status  int
	}{
		{nil, http.StatusBadRequest},
		{[]string{""}, http.StatusBadRequest},
		{[]string{"role=none"}, http.StatusBadRequest},
		{[]string{"role=king"}, http.StatusBadRequest},
		{[]string{"role=operator;%"}, http.StatusBadRequest},
		{[]string{operator, operator}, http.StatusBadRequest},
		{[]string{"role=household&credential=x"}, http.StatusForbidden},
		{[]string{"role=auditor&credential=x"}, http.StatusForbidden},
		{[]string{operator}, http.StatusOK},
	} {
		r := ms.a.request(t.Context(), "POST", "/maintenance/start?maintenance_type=daily", "")
		r.URL.Host, r.URL.Path = strings.TrimPrefix(ms.a.others.URL, "http://"), "/leader/maintenance/start"
		if r.Header["Ledger-Caller"] = of.callers; of.callers == nil {
			delete(r.Header, "Ledger-Caller")
		}
		if got := answered(t, http.DefaultTransport, r); got.Status != of.status {
			t.Errorf("with %q: %d %s, want %d", of.callers, got.Status, got.Body, of.status)
		}
	}
}
