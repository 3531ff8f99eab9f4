package e2e

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/go-chi/chi/v5"

	"meterledger/internal/access"
	"meterledger/internal/client"
	"meterledger/internal/config"
	"meterledger/internal/httpkit"
	"meterledger/internal/ledger"
	"meterledger/internal/maintenance"
	"meterledger/internal/meter"
	"meterledger/internal/node"
	"meterledger/internal/pages"
	"meterledger/internal/rest"
)

// state is what has become of a credential.
type state string

const (
	right   state = "right"
	others  state = "another home's"
	wrong   state = "wrong" // a whole token that nobody has made
	expired state = "expired"
	revoked state = "revoked"
)

func (s state) isWrong() bool { return s == wrong || s == expired || s == revoked }

// credential is one that requests are sent with; without a token it is none.
type credential struct {
	name, role, token string
	state             state
	scope             meter.Scope
}

// roles are those of the matrix: a head-end is a meter's for all meters.
var roles = map[string]meter.Role{
	"operator": meter.RoleOperator, "auditor": meter.RoleAuditor, "head-end": meter.RoleMeter, "meter": meter.RoleMeter, "household": meter.RoleHousehold,
}

// startGuarded starts the suite with access on, behind a proxy on this machine, with two meters whose
// last month is closed, and returns a credential of each role in each state, and none.
func startGuarded(t *testing.T) (*suite, []credential) {
	t.Helper()
	folder := t.TempDir()
	credentials := seed(t, folder)
	token := filepath.Join(folder, "data", ledger.OperatorTokenName)
	s := startSuiteIn(t, folder, "AUTH=on", "TRUSTED_PROXIES=127.0.0.1", "API_TOKEN_FILE="+token)
	operator := client.New(must(url.Parse(s.API.URL)), http.DefaultClient).With(client.TokenFile(token))
	month := lastMonth(s.zone)
	for _, id := range []meter.ID{ours, theirs} {
		rows := strings.NewReplacer("ID", string(id), "MONTH", month).Replace("meter_id,timestamp,reading\nID,MONTH-01T00:00,1\nID,MONTH-01T00:30,2\n")
		if result, err := operator.RecordReadings(t.Context(), "text/csv", strings.NewReader(rows)); err != nil || result.Rejected > 0 {
			t.Fatal(result, err)
		}
	}
	text, err := os.ReadFile(token)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, s.Monthly.URL+"/perform_monthly_maintenance?month="+month, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(text)))
	if status, body, err := s.ask(r); err != nil || status != http.StatusOK {
		t.Fatal(status, body, err)
	}
	return s, credentials
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func zoneOf(t *testing.T) *meter.Zone {
	t.Helper()
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// seed makes credentials an hour ago, some of which have expired since.
func seed(t *testing.T, folder string) []credential {
	t.Helper()
	then := time.Now().Add(-time.Hour)
	n := openNode(t, vfs.Default, filepath.Join(folder, "data"), filepath.Join(folder, "Archive"), func() time.Time { return then })
	if _, err := n.FirstOperator(t.Context(), ledger.Tokens{New: access.NewToken, Sum: access.SumOfOperatorToken}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []meter.ID{ours, theirs} {
		if err := n.Register(t.Context(), id, "Owner of "+string(id), "Orchard Road"); err != nil {
			t.Fatal(err)
		}
	}
	all := []credential{{name: nobody, role: nobody, state: right}}
	for name, role := range roles {
		for _, of := range []state{right, others, wrong, expired, revoked} {
			c, sum := credential{name: string(of) + " token of role " + name, role: name, state: of}, [32]byte{}
			c.token, sum = access.NewToken(role)
			switch {
			case name == "operator", name == "auditor", name == "head-end":
				c.scope.IsAll = true
			case of == others:
				c.scope.Meters = []meter.ID{theirs}
			default:
				c.scope.Meters = []meter.ID{ours}
			}
			all = append(all, c)
			if of == wrong {
				continue
			}
			made := meter.Credential{ID: meter.NewCredentialID(), Role: role, SHA256: sum, Scope: c.scope, CreatedAt: then}
			if of == expired {
				made.ExpiresAt = then.Add(time.Minute)
			}
			err := n.Issue(t.Context(), made)
			if err == nil && of == revoked {
				err = n.Revoke(t.Context(), made.ID, "a test")
			}
			if err != nil {
				t.Fatal(c.name, err)
			}
		}
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

func openNode(t *testing.T, fs vfs.FS, data, archive string, now func() time.Time) *node.Node {
	t.Helper()
	n, err := node.Open(context.Background(), node.Options{
		FS: fs, DataDir: data, ArchiveDir: archive, BackupDir: "backup", Zone: zoneOf(t), Now: now,
		Log: slog.New(slog.DiscardHandler), Holder: "a test", MetersMax: 10, DiskFreeMin: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// routesOf returns the routes of a program, as its router has them.
func routesOf(t *testing.T, program string) (routes []string) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	var handler http.Handler
	kinds := map[string]maintenance.Kind{"daily": maintenance.Daily(), "monthly": maintenance.Monthly()}
	if kind, ok := kinds[program]; ok {
		settings := config.Maintenance{Timezone: zoneOf(t), APIURLs: config.Addresses{&url.URL{Scheme: "http", Host: "localhost"}}}
		service, err := maintenance.New(t.Context(), kind, settings, client.New(settings.APIURLs[0], http.DefaultClient), log)
		if err != nil {
			t.Fatal(err)
		}
		handler = service.Handler(httpkit.NewMetrics())
	} else {
		n := openNode(t, vfs.NewMem(), "data", "Archive", time.Now)
		defer n.Close()
		metrics := httpkit.NewMetrics()
		router := rest.NewHandler(rest.Options{Ledger: n.Ledger, Reader: n.Reader, Runs: n.Runs, Audit: n.Audit, Log: log, Metrics: metrics})
		ctx, stop := context.WithCancel(t.Context())
		defer stop() // before the node is closed
		pages.Mount(ctx, router, pages.Options{API: router, Reader: n.Reader, Metrics: metrics, Log: log})
		handler = router
	}
	err := chi.Walk(handler.(chi.Routes), func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		routes = append(routes, method+" "+pattern)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return routes
}

// ask sends a request as it is, and returns the answer. The document does not describe pages.
func (s *suite) ask(r *http.Request) (status int, body string, err error) {
	transport := s.client.Transport
	if strings.HasPrefix(r.URL.Path, "/ui/") || r.URL.Path == "/favicon.ico" || beginning.MatchString(r.Method+" "+r.URL.Path) {
		transport = http.DefaultTransport
	}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(content), err
}
