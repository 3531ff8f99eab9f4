package deploy

import (
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/client"
	"meterledger/internal/cluster"
	"meterledger/internal/clustertest"
	"meterledger/internal/config"
	"meterledger/internal/httpkit"
	"meterledger/internal/ledger"
	"meterledger/internal/maintenance"
	"meterledger/internal/meter"
	"meterledger/internal/node"
	"meterledger/internal/rest"
)

const (
	rulesFile = "prometheus/alerts.yml"
	boardFile = "grafana/meterledger.json"
)

// series is what programs tell Prometheus: by name, the values of each label.
type series map[string]map[string]map[string]bool

var (
	sampleLine = regexp.MustCompile(`(?m)^([a-z]\w+)(?:\{(.*)\})? \S+$`)
	labelPair  = regexp.MustCompile(`(\w+)(=~|!~|!=|=)"([^"]*)"`)
)

func (s series) read(t *testing.T, program http.Handler) {
	t.Helper()
	for _, path := range []string{"/healthz", "/metrics"} {
		w := httptest.NewRecorder()
		program.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil))
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		for _, sample := range sampleLine.FindAllStringSubmatch(w.Body.String(), -1) {
			if s[sample[1]] == nil {
				s[sample[1]] = map[string]map[string]bool{"job": nil, "instance": nil, "program": nil} // which Prometheus adds
			}
			for _, pair := range labelPair.FindAllStringSubmatch(sample[2], -1) {
				if s[sample[1]][pair[1]] == nil {
					s[sample[1]][pair[1]] = make(map[string]bool)
				}
				s[sample[1]][pair[1]][pair[3]] = true
			}
		}
	}
}

// exposed returns what the three programs tell, and what Prometheus adds.
func exposed(t *testing.T) series {
	t.Helper()
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	all, log := series{"up": {"job": nil, "instance": nil, "program": nil}}, slog.New(slog.DiscardHandler)
	metrics := httpkit.NewMetrics()
	n, err := node.Open(t.Context(), node.Options{
		FS: vfs.NewMem(), DataDir: "data", ArchiveDir: "Archive", Zone: zone, Now: time.Now, Log: log, Holder: "a test", Metrics: metrics.Set,
		Shared: &ledger.Shared{ // which tells more than a node alone
			Engine: clustertest.NewEngine(1).Client("a"), Peers: clustertest.NewNetwork(1).Peers("a"), Cluster: "test", Founding: ledger.FoundOnce,
			Self: cluster.Node{Name: "a", Incarnation: 1, Address: "a"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	all.read(t, rest.NewHandler(rest.Options{Ledger: n.Ledger, Reader: n.Reader, Runs: n.Runs, Audit: n.Audit, Log: log, Metrics: metrics}))
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	for _, kind := range []maintenance.Kind{maintenance.Daily(), maintenance.Monthly()} {
		settings := config.Maintenance{Timezone: zone, APIURLs: config.Addresses{&url.URL{Scheme: "http", Host: "localhost:1"}}}
		service, err := maintenance.New(t.Context(), kind, settings, client.New(settings.APIURLs[0], http.DefaultClient), log)
		if err != nil {
			t.Fatal(err)
		}
		all.read(t, service.Handler(httpkit.NewMetrics()))
	}
	return all
}

// expressions returns what the rules and the board ask for, by where.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	rules := read(t, rulesFile)
	for _, rule := range regexp.MustCompile(`(?ms)^      - alert: (\w+)\n        expr: \|?(.*?)\n        (?:for|labels):`).FindAllStringSubmatch(rules, -1) {
		all[rule[1]] = strings.TrimSpace(rule[2])
	}
	if len(all) != strings.Count(rules, "- alert:") || len(all) == 0 {
		t.Fatalf("%d expressions of %d rules were found", len(all), strings.Count(rules, "- alert:"))
	}
	var board struct {
		Panels []struct {
			ID          int
			Type, Title string
			GridPos     struct{ X, W int }
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, boardFile)), &board); err != nil {
		t.Fatal(err)
	}
	ids := make(map[int]bool)
	for _, panel := range board.Panels {
		if ids[panel.ID] || panel.GridPos.X+panel.GridPos.W > 24 || panel.Title == "" || panel.Type != "row" && len(panel.Targets) == 0 {
			t.Errorf("panel %d %q: its id or place is wrong, or it shows nothing", panel.ID, panel.Title)
		}
		ids[panel.ID] = true
		for i, target := range panel.Targets {
			all[panel.Title+" "+string(rune('A'+i))] = strings.ReplaceAll(target.Expr, "$__rate_interval", "5m")
		}
	}
	return all
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	metricName = regexp.MustCompile(`\b(?:(?:meterledger|process|go)_\w+|up)\b`)
	selector   = regexp.MustCompile(`(\w+)\{([^}]*)\}`)
	grouping   = regexp.MustCompile(`by \(([^)]*)\)`)
)

func TestRulesAndBoardAskForWhatProgramsTell(t *testing.T) {
	told := exposed(t)
	used := make(map[string]bool)
	for where, expression := range expressions(t) {
		names := metricName.FindAllString(expression, -1)
		if len(names) == 0 {
			t.Errorf("%s asks for nothing: %s", where, expression)
		}
		labels := map[string]bool{}
		for _, name := range names {
			used[name] = true
			if told[name] == nil {
				t.Errorf("%s: no program tells %s", where, name)
			}
			for label := range told[name] {
				labels[label] = true
			}
		}
		for _, s := range selector.FindAllStringSubmatch(expression, -1) {
			for _, pair := range labelPair.FindAllStringSubmatch(s[2], -1) {
				told.wantLabel(t, where, s[1], pair[1], strings.Split(pair[3], "|"))
			}
		}
		for _, by := range grouping.FindAllStringSubmatch(expression, -1) {
			for label := range strings.SplitSeq(by[1], ",") {
				if !labels[strings.TrimSpace(label)] {
					t.Errorf("%s: nothing has the label %s", where, label)
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(told)) {
		family := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
		isOurs := strings.HasPrefix(name, "meterledger_")
		if isOurs && !used[family] && !used[family+"_bucket"] && !used[family+"_count"] {
			t.Errorf("no rule and no panel shows %s", family)
		}
	}
}

func (s series) wantLabel(t *testing.T, where, name, label string, values []string) {
	t.Helper()
	told, has := s[name][label]
	if !has {
		t.Errorf("%s: %s has no label %s", where, name, label)
	}
	for _, value := range values {
		if told != nil && !told[value] { // nil: Prometheus adds it
			t.Errorf("%s: %s is never told with %s %q, only with %v", where, name, label, value, slices.Sorted(maps.Keys(told)))
		}
	}
}
