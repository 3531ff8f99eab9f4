package rest

import (
	"net/http"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"meterledger/internal/meter"
)

// TestEveryCallerIsToldWhole to the node that leads, whatever the label is.
func TestEveryCallerIsToldWhole(t *testing.T) {
	for _, label := range []string{"", "Lim & Söhne", "a=b;c%20d\t", "…\u2028", `"quoted"`, "role=operator&role=auditor"} {
		want := meter.Caller{Role: meter.RoleAuditor, Credential: "aaaaaaaaaaaaaaaa", Label: label, Scope: meter.Scope{IsAll: true}}
		got, err := told{}.Caller(&http.Request{Header: http.Header{callerHeader: {tell(&want)}}})
		if diff := gocmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v\n%s", label, err, diff)
		}
	}
}

// TestEveryRouteSaysWhichNodeAnswersIt: a node that forwarded nothing would answer alone what is not its own.
func TestEveryRouteSaysWhichNodeAnswersIt(t *testing.T) {
	forwarded := map[string]bool{}
	for _, route := range (&app{}).routes() {
		if route.place < anywhere || route.place > atLeader {
			t.Errorf("%s %s is of no place", route.method, route.pattern)
		}
		if route.place == atLeader {
			forwarded[route.method+" "+route.pattern] = true
			if route.roles&^meter.Readers != 0 {
				t.Errorf("%s %s is for callers with a scope, which the node that leads is not told of", route.method, route.pattern)
			}
		}
	}
	want := map[string]bool{
		"POST /maintenance/start": true, "GET /maintenance/status": true, "POST /restore_data": true, "GET /exceptions": true, "POST /exceptions/resolve": true,
	}
	if diff := gocmp.Diff(want, forwarded); diff != "" {
		t.Errorf("what is forwarded has changed (-want +got)\n%s", diff)
	}
}
