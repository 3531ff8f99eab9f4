package deploy

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"meterledger/internal/config"
)

var programs = []string{"api", "daily", "monthly"}

// settings returns the environment variables of all programs with their defaults.
func settings(t *testing.T) map[string]string {
	t.Helper()
	var help bytes.Buffer
	none := func(string) string { return "" }
	_, api := config.LoadAPI([]string{"-h"}, none, &help)
	_, daily := config.LoadDaily([]string{"-h"}, none, &help)
	_, monthly := config.LoadMonthly([]string{"-h"}, none, &help)
	for _, err := range []error{api, daily, monthly} {
		if !errors.Is(err, flag.ErrHelp) {
			t.Fatal(err)
		}
	}
	all := make(map[string]string)
	for _, line := range regexp.MustCompile(`(?m)^  -\S+ +([A-Z][A-Z_]+)  ( *)(\S.*)$`).FindAllStringSubmatch(help.String(), -1) {
		if line[1] != "ENVIRONMENT" {
			all[line[1]], _, _ = strings.Cut(line[3], "  ")
		}
	}
	return all
}

func TestEnvironmentFileHasEverySettingWithItsDefault(t *testing.T) {
	text := read(t, "systemd/meterledger.env")
	want := settings(t)
	if len(want) < 15 {
		t.Fatalf("only %d settings were found", len(want))
	}
	for _, line := range regexp.MustCompile(`(?m)^#([A-Z_]+)=(.*)$`).FindAllStringSubmatch(text, -1) {
		fallback, known := want[line[1]]
		if !known {
			t.Errorf("no program has the setting %s", line[1])
		}
		if line[2] != "" && line[2] != fallback {
			t.Errorf("%s is %q by default, not %q", line[1], fallback, line[2])
		}
		delete(want, line[1])
	}
	for name := range want {
		t.Errorf("no line of %s", name)
	}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") && line != "\n" {
			t.Errorf("a setting is changed: %s", line)
		}
	}
}

func TestUnitsAreWhatSystemdWants(t *testing.T) {
	folder := t.TempDir()
	var units []string
	for _, program := range programs {
		text := read(t, "systemd/meterledger-"+program+".service")
		if !strings.Contains(text, "\nExecStart=/opt/meterledger/bin/"+program+"\n") {
			t.Errorf("%s is not what the unit starts", program)
		}
		write(t, filepath.Join(folder, program), "#!/bin/sh\n")
		if err := os.Chmod(filepath.Join(folder, program), 0o755); err != nil {
			t.Fatal(err)
		}
		unit := filepath.Join(folder, "meterledger-"+program+".service")
		write(t, unit, strings.ReplaceAll(text, "/opt/meterledger/bin", folder))
		units = append(units, unit)
	}
	tool(t, "systemd", "systemd-analyze", append([]string{"verify", "--man=no"}, units...)...)
	for _, unit := range units { // how much a unit may do, of 100
		tool(t, "systemd", "systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15", unit)
	}
}

func TestContainersHaveTheGoOfTheProjectAndOnlySettingsThatExist(t *testing.T) {
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../../go.mod"))[1]
	if !strings.Contains(read(t, "container/Dockerfile"), "FROM golang:"+version+" ") {
		t.Errorf("the Dockerfile does not build with Go %s", version)
	}
	known := settings(t)
	compose := read(t, "container/compose.yaml")
	for _, name := range regexp.MustCompile(`\b([A-Z][A-Z_]{3,}):`).FindAllStringSubmatch(compose, -1) {
		if _, ok := known[name[1]]; !ok {
			t.Errorf("no program has the setting %s", name[1])
		}
	}
	for _, program := range programs {
		if !strings.Contains(compose, "\n  "+program+":\n") {
			t.Errorf("%s is not a service", program)
		}
	}
}

func TestReadmeNamesEveryFile(t *testing.T) {
	readme := read(t, "README.md")
	for _, pattern := range []string{"prometheus/*", "grafana/*", "systemd/*.env"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			if !strings.Contains(readme, "`"+file+"`") {
				t.Errorf("README.md does not name %s", file)
			}
		}
	}
}
