package httpkit_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"meterledger/api"
	"meterledger/internal/access"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// lines is an Audit that keeps whole lines.
type lines struct{ strings.Builder }

func (l *lines) Begin(line api.AuditLine) error {
	l.End(line)
	return nil
}

func (l *lines) End(line api.AuditLine)     { _ = json.NewEncoder(l).Encode(line) }
func (l *lines) Refused(line api.AuditLine) { l.End(line) }

// TestASecretInTheWrongPlaceStandsInNoLog sends tokens where there should be something else:
// whoever reads logs could ask with them.
func TestASecretInTheWrongPlaceStandsInNoLog(t *testing.T) {
	const jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"
	for _, role := range []meter.Role{meter.RoleOperator, meter.RoleAuditor, meter.RoleMeter, meter.RoleHousehold, meter.NoRole} {
		secret := jwt
		if role != meter.NoRole {
			secret, _ = access.NewToken(role)
		}
		var log strings.Builder
		audit := &lines{}
		logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		router := httpkit.NewRouter(httpkit.Program{Log: logger, Metrics: httpkit.NewMetrics(), SwaggerUI: httpkit.SwaggerUI(), Audit: audit})
		refuse := httpkit.Handler(func(_ http.ResponseWriter, r *http.Request) error { return fmt.Errorf("no meter %s", r.URL.Path) })
		router.Method(http.MethodDelete, "/credentials/{credential_id}", httpkit.For(meter.Operators, httpkit.Asked(logger, refuse)))
		for _, path := range []string{"/credentials/" + secret, "/credentials/a?meters=A," + secret, "/" + strings.Repeat("a", 180) + secret, "/credentials/a"} {
			r := httptest.NewRequest(http.MethodDelete, "http://localhost"+path, nil)
			r.Header.Set("User-Agent", secret)
			r.Header.Set("X-Request-Id", secret)
			router.ServeHTTP(httptest.NewRecorder(), r)
		}
		if !strings.Contains(log.String(), "user_agent=") || !strings.Contains(audit.String(), "DELETE /credentials/") {
			t.Fatalf("nothing was logged:\n%s\n%s", &log, audit)
		}
		for name, text := range map[string]string{"log": log.String(), "audit log": audit.String()} {
			if beginning := secret[:24]; strings.Contains(text, beginning) {
				t.Errorf("the %s has %s:\n%s", name, beginning, text)
			}
		}
	}
}
