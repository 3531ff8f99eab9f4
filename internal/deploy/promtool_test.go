package deploy

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tool runs a tool that not every machine has.
func tool(t *testing.T, whose, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed: on Debian it is in the package %s", name, whose)
	}
	if out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput(); err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// annotations are the part of a rule that the tests of the rules need not repeat.
var annotations = regexp.MustCompile(`(?m)^        annotations:\n(?:^          .*\n)+`)

var testFiles = []string{"alerts_test.yml", "alerts_days_test.yml"}

func TestRulesFireWhenTheyShould(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "alerts.yml"), annotations.ReplaceAllString(read(t, rulesFile), ""))
	for _, name := range testFiles {
		write(t, filepath.Join(folder, name), read(t, "prometheus/"+name))
		tool(t, "prometheus", "promtool", "test", "rules", filepath.Join(folder, name))
	}
}

func TestPrometheusTakesConfigurationRulesAndBoard(t *testing.T) {
	folder := t.TempDir()
	var asRules strings.Builder
	asRules.WriteString("groups:\n  - name: board\n    rules:\n")
	all := expressions(t)
	for i, where := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&asRules, "      - record: r%d\n        expr: %q\n", i, all[where])
	}
	write(t, filepath.Join(folder, "board.yml"), asRules.String())
	tool(t, "prometheus", "promtool", "check", "rules", filepath.Join(folder, "board.yml"))
	tool(t, "prometheus", "promtool", "check", "config", "prometheus/prometheus.yml")
}

func TestEveryRuleHasATestOfItsFiringAndOfItsSilence(t *testing.T) {
	tests := read(t, "prometheus/"+testFiles[0]) + read(t, "prometheus/"+testFiles[1])
	for _, rule := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(read(t, rulesFile), -1) {
		silent := regexp.MustCompile(`alertname: ` + rule[1] + `, eval_time: \w+, exp_alerts: \[\]`)
		fires := regexp.MustCompile(`alertname: ` + rule[1] + `\n +eval_time: \w+\n +exp_alerts: \[\{exp_labels`)
		if !silent.MatchString(tests) || !fires.MatchString(tests) {
			t.Errorf("%s: a test of firing and one of silence are wanted", rule[1])
		}
	}
	for _, rule := range regexp.MustCompile(`(?m)^      - alert: (\w+)\n(?:        .*\n)+`).FindAllStringSubmatch(read(t, rulesFile), -1) {
		for _, part := range []string{"severity: ", "summary: ", "action: "} {
			if !strings.Contains(rule[0], part) {
				t.Errorf("%s has no %s", rule[1], part)
			}
		}
	}
}
