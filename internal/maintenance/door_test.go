package maintenance

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"meterledger/internal/client"
)

const (
	ours    = "Bearer mlo_ours" // the service's own
	lims    = "Bearer mlo_lims" // an operator's
	anns    = "Bearer mla_anns" // an auditor's
	unknown = "Bearer mlo_unknown"
)

// withAccess is an api that knows who asks, and lacks nothing.
func withAccess(f *fakeAPI) {
	upToDate(f)
	f.roles = map[string]string{ours: "operator", lims: "operator", anns: "auditor", "Bearer mlm_head": "meter", "Bearer mlo_guess": "guesser"}
}

// callsAs sends a request with Authorization headers.
func (b *harness) callsAs(method, target string, sent ...string) (*http.Response, string) {
	b.t.Helper()
	return b.send(b.t.Context(), method, target, http.Header{"Authorization": sent})
}

func (b *harness) wantAnswer(status int, code, method, target string, sent ...string) {
	b.t.Helper()
	response, body := b.callsAs(method, target, sent...)
	if response.StatusCode != status || code != "" && asProblem(b.t, body).Code != code {
		b.t.Errorf("%s %s by %q is answered %d %s, want %d %s", method, target, sent, response.StatusCode, body, status, code)
	}
}

func TestARunOnRequestIsAskedForWithTheCredentialOfItsCaller(t *testing.T) {
	inBubble(t, Daily(), off, withAccess, func(t *testing.T, b *harness) {
		b.service.api = b.service.api.With(credential(ours))
		var sent []string
		b.api.onStart(func(r *http.Request) (int, string) {
			sent = append(sent, strings.Join(r.Header.Values("Authorization"), ", "))
			return http.StatusOK, ""
		})
		b.wantAnswer(http.StatusOK, "", http.MethodPost, "/perform_daily_maintenance", lims)
		b.service.runInTurn(b.service.lastEnded(), bySchedule)
		if diff := cmp.Diff([]string{lims, ours}, sent); diff != "" {
			t.Error(diff)
		}
	})
}

// behindDoor is withAccess beside a service that has access on too.
func behindDoor(f *fakeAPI) {
	withAccess(f)
	f.guarded = true
}

func TestTheAPISaysWhoACallerIs(t *testing.T) {
	inBubble(t, Monthly(), off, behindDoor, func(t *testing.T, b *harness) {
		b.service.api = b.service.api.With(credential(ours))
		for _, tt := range []struct {
			sent           string
			status, posted int
			code, refusal  string
		}{
			{"", 401, 401, "unauthorized", "unauthorized"},
			{unknown, 401, 401, "unauthorized", "unauthorized"},
			{"Bearer mlm_head", 403, 403, "forbidden", "forbidden"},
			{"Bearer mlo_guess", 429, 429, "rate_limited", "rate_limited"},
			{anns, 200, 403, "", "forbidden"},
			{lims, 200, 200, "", ""},
		} {
			var sent []string
			if tt.sent != "" {
				sent = []string{tt.sent}
			}
			b.wantAnswer(tt.status, tt.code, http.MethodGet, "/status", sent...)
			b.wantAnswer(tt.posted, tt.refusal, http.MethodPost, "/perform_monthly_maintenance?month=1999-11", sent...)
		}
		b.wantAnswer(401, "unauthorized", http.MethodGet, "/status", lims, ours)
		if diff := cmp.Diff([]string{"1999-11"}, b.api.asked()); diff != "" {
			t.Error(diff)
		}
	})
}

// TestACredentialIsJudgedAlsoWhereNoneIsNeeded, and whoever sends none is answered there without the api.
func TestACredentialIsJudgedAlsoWhereNoneIsNeeded(t *testing.T) {
	inBubble(t, Daily(), off, behindDoor, func(t *testing.T, b *harness) {
		b.wantAnswer(401, "unauthorized", http.MethodGet, "/healthz", unknown)
		b.wantAnswer(200, "", http.MethodGet, "/healthz", anns)
		b.api.set(func() { b.api.away = true })
		b.wantAnswer(200, "", http.MethodGet, "/healthz")
		b.wantAnswer(401, "unauthorized", http.MethodGet, "/status")
		b.wantAnswer(503, "api_unavailable", http.MethodGet, "/status", lims)
		b.wantAnswer(503, "api_unavailable", http.MethodPost, "/perform_daily_maintenance", lims)
	})
}

// TestAnAPIThatAsksForNoCredentialsKnowsNobody: it would take any text for an operator's.
func TestAnAPIThatAsksForNoCredentialsKnowsNobody(t *testing.T) {
	inBubble(t, Daily(), off, behindDoor, func(t *testing.T, b *harness) {
		b.api.set(func() { b.api.roles = nil })
		b.wantAnswer(503, "api_unavailable", http.MethodGet, "/status", unknown)
		b.wantAnswer(503, "api_unavailable", http.MethodPost, "/perform_daily_maintenance", unknown)
	})
}

func credential(sent string) client.Credential {
	return func() (http.Header, error) { return http.Header{"Authorization": {sent}}, nil }
}

// TestWhoMayNotHaveARunLeavesNoTrace: the token of the service is none of its callers', and a run that the
// api has refused for its caller is not made for the service later.
func TestWhoMayNotHaveARunLeavesNoTrace(t *testing.T) {
	inBubble(t, Daily(), everyDay, withAccess, func(t *testing.T, b *harness) {
		b.service.api = b.service.api.With(credential(ours))
		for _, tt := range []struct {
			status int
			code   string
			sent   []string
		}{
			{401, "unauthorized", nil}, {401, "unauthorized", []string{unknown}}, {401, "unauthorized", []string{lims, ours}}, {403, "forbidden", []string{anns}},
		} {
			b.wantAnswer(tt.status, tt.code, http.MethodPost, "/perform_daily_maintenance?date=1999-07-01", tt.sent...)
			b.wantAnswer(tt.status, tt.code, http.MethodPost, "/perform_daily_maintenance?date=1999-07-01&dry_run=true", tt.sent...)
		}
		synctest.Wait()
		b.wantRuns()
		if left := b.outstanding(); len(left) > 0 {
			t.Errorf("%v is outstanding", left)
		}
		if asked := b.api.asked(); len(asked) > 0 {
			t.Errorf("the api was asked for %v", asked)
		}
		b.wantReady(200, "")
	})
}

// wantHindrance wants a text in what the service says of why it cannot run.
func (b *harness) wantHindrance(text string) {
	b.t.Helper()
	b.wantReady(503, "api_away")
	_, body := b.do(b.t.Context(), http.MethodGet, "/readyz")
	if detail := asProblem(b.t, body).Detail; !strings.Contains(detail, text) {
		b.t.Errorf("readyz says %s", detail)
	}
}

// TestAServiceWithoutATokenSaysThatItNeedsOne: what the api says to callers is none of its operator's settings.
func TestAServiceWithoutATokenSaysThatItNeedsOne(t *testing.T) {
	inBubble(t, Daily(), off, withAccess, func(t *testing.T, b *harness) {
		b.wantHindrance("give this program an operator's token with -api-token-file")
	})
}

func TestATokenThatIsPutRightIsTakenWithoutARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	prepare := func(f *fakeAPI) {
		withAccess(f)
		f.tokenFile = path
	}
	inBubble(t, Daily(), everyDay, prepare, func(t *testing.T, b *harness) {
		b.wantHindrance("reading the token of -api-token-file: open " + path + ": no such file")
		write := func(token string) {
			if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("mlo_ours")
		b.at("2000-01-01T12:00:00")
		b.wantReady(200, "")
		write("mlo_revoked")
		b.at("2000-01-02T02:00:00") // the run of the night is asking
		if got := b.status(); !got.Running || got.Reason == nil || *got.Reason != "api_away" {
			t.Errorf("with a token that was revoked: %+v", got)
		}
		b.wantHindrance("the api refuses the token of -api-token-file: the credential is not known")
		write("mlo_lims\n")
		b.at("2000-01-02T02:02:00")
		if runs := b.runs(); len(runs) != 1 || !strings.HasPrefix(runs[0], "2000-01-01 schedule done ") {
			t.Errorf("runs: %v", runs)
		}
		b.wantReady(200, "")
	})
}
