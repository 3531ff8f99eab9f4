package maintenance

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// wantFigures wants lines, after the prefix of the suite, in what Prometheus reads.
func (b *harness) wantFigures(lines ...string) {
	b.t.Helper()
	_, text := b.do(b.t.Context(), http.MethodGet, "/metrics")
	for _, line := range lines {
		if !strings.Contains(text, "\nmeterledger_"+line+"\n") {
			b.t.Errorf("no %s among\n%s", line, strings.Join(regexp.MustCompile(`(?m)^meterledger_(main|next|api).*$`).FindAllString(text, -1), "\n"))
		}
	}
}

func TestMetricsTellOfRunsScheduleAndAPI(t *testing.T) {
	inBubble(t, Daily(), everyDay, upToDate, func(t *testing.T, b *harness) {
		b.keeping.Go(b.service.LookForAPI)
		synctest.Wait()
		midnight := time.Date(2000, 1, 2, 0, 5, 0, 0, b.service.settings.Timezone.Location()).Unix()
		b.wantFigures(
			`maintenance_runs_total{type="daily",result="success"} 0`, `maintenance_runs_total{type="daily",result="failure"} 0`,
			`maintenance_last_success_timestamp_seconds{type="daily"} 0`, `maintenance_running{type="daily"} 0`, `maintenance_owed{type="daily"} 0`,
			fmt.Sprintf(`next_run_timestamp_seconds{type="daily"} %d`, midnight), `api_reachable 1`)
		b.at("2000-01-02T00:05:00")
		b.wantFigures(
			`maintenance_runs_total{type="daily",result="success"} 1`, fmt.Sprintf(`maintenance_last_success_timestamp_seconds{type="daily"} %d`, midnight),
			fmt.Sprintf(`next_run_timestamp_seconds{type="daily"} %d`, midnight+24*60*60))

		b.api.set(func() { b.api.away = true })
		b.at("2000-01-03T00:06:00")
		b.wantFigures(`maintenance_running{type="daily"} 1`, `api_reachable 0`)
		b.at("2000-01-03T06:10:00") // after the patience of a run
		b.wantFigures(`maintenance_runs_total{type="daily",result="failure"} 1`, `maintenance_owed{type="daily"} 1`,
			fmt.Sprintf(`maintenance_last_success_timestamp_seconds{type="daily"} %d`, midnight))

		b.api.set(func() { b.api.away = false })
		b.at("2000-01-03T06:20:00")
		b.wantFigures(`maintenance_runs_total{type="daily",result="success"} 2`, `maintenance_owed{type="daily"} 0`, `api_reachable 1`)
	})
}

func TestMetricsAreAsPrometheusWantsThem(t *testing.T) {
	inBubble(t, Monthly(), off, upToDate, func(t *testing.T, b *harness) {
		b.wantFigures(`next_run_timestamp_seconds{type="monthly"} 0`)
		_, text := b.do(t.Context(), http.MethodGet, "/metrics")
		problems, err := promlint.New(strings.NewReader(text)).Lint()
		if err != nil || len(problems) > 0 {
			t.Errorf("%v, %v", problems, err)
		}
	})
}
