package deploy

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path"
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
	for _, program := range append([]string{"etcd"}, programs...) {
		text := read(t, "systemd/meterledger-"+program+".service")
		if !strings.Contains(text, "\nExecStart=/opt/meterledger/bin/"+program) {
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
	said := tool(t, "systemd", "systemd-analyze", append([]string{"verify", "--man=no"}, units...)...)
	if strings.Contains(said, "meterledger-") { // what it ignores, for which it does not fail
		t.Error(said)
	}
	for _, unit := range units { // how much a unit may do, of 100
		tool(t, "systemd", "systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=14", unit)
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

// serves loads a program's settings from variables. What TLS needs are files of the reader's
// machine: the path is checked, and API_CA, which is read at once, is left out.
func serves(t *testing.T, program string, variables map[string]string) (addr string, network config.Network) {
	t.Helper()
	getenv := func(name string) string {
		if name == "API_CA" {
			return ""
		}
		return variables[name]
	}
	var err error
	var c config.Maintenance
	switch program {
	case "api":
		var a config.API
		a, err = config.LoadAPI(nil, getenv, io.Discard)
		addr, network = a.Addr, a.Network
	case "daily":
		c, err = config.LoadDaily(nil, getenv, io.Discard)
	case "monthly":
		c, err = config.LoadMonthly(nil, getenv, io.Discard)
	}
	if program != "api" {
		addr, network = c.Addr, c.Network
		if len(c.APIURLs) == 0 || c.APIURLs[0].Scheme != "https" || c.APITokenFile == "" || !path.IsAbs(variables["API_CA"]) {
			t.Errorf("%s asks %v with the token of %q, and believes %q", program, c.APIURLs, c.APITokenFile, variables["API_CA"])
		}
	}
	if err != nil {
		t.Errorf("%s: %v", program, err)
	}
	return addr, network
}

var (
	composeService  = regexp.MustCompile(`(?m)^  (\w+):\n((?:    .*\n)+)`)
	composeVariable = regexp.MustCompile(`(?m)^      ([A-Z_]+): ("?)([^"#\n]*?)"?(?: +#.*)?$`)
	readmeVariable  = regexp.MustCompile(`(?m)^([A-Z_]+)=(.*)$`)
)

func TestContainersListenOffLoopbackAsTheyMay(t *testing.T) {
	for _, service := range composeService.FindAllStringSubmatch(read(t, "container/compose.yaml"), -1) {
		variables := map[string]string{}
		for _, v := range composeVariable.FindAllStringSubmatch(service[2], -1) {
			if variables[v[1]] = v[3]; v[2] == "" && (v[3] == "on" || v[3] == "off") {
				t.Errorf("%s: %s is true or false to YAML: quote it", service[1], v[1])
			}
			if strings.HasPrefix(v[3], "/tls/") && !strings.Contains(service[2], `"./tls:/tls:ro"`) {
				t.Errorf("%s: nothing is mounted at %s", service[1], v[3])
			}
		}
		addr, network := serves(t, service[1], variables)
		if !strings.HasPrefix(addr, "0.0.0.0:") || !network.Auth || network.TLSCert == "" {
			t.Errorf("%s listens on %s with %+v", service[1], addr, network)
		}
		if host, _, _ := strings.Cut(strings.TrimPrefix(variables["API_URL"], "https://"), ":"); host != "" && host != "api" {
			t.Errorf("%s asks %s, which is not the service", service[1], host)
		}
		if variables["HOSTS"] != service[1] {
			t.Errorf("%s may be asked for as %s only", service[1], variables["HOSTS"])
		}
	}
}

func TestReadmesLinesForANetworkAreSettingsThatMayBe(t *testing.T) {
	_, lines, _ := strings.Cut(read(t, "README.md"), "```ini\n")
	lines, _, _ = strings.Cut(lines, "```")
	variables, known := map[string]string{}, settings(t)
	for _, v := range readmeVariable.FindAllStringSubmatch(lines, -1) {
		if _, ok := known[v[1]]; !ok {
			t.Errorf("no program has the setting %s", v[1])
		}
		variables[v[1]] = v[2]
	}
	for _, program := range programs {
		addr, network := serves(t, program, variables)
		if !network.Auth || network.TLSCert == "" || program == "api" && addr != "0.0.0.0:8000" {
			t.Errorf("%s listens on %s with %+v", program, addr, network)
		}
	}
}

func TestReadmeNamesEveryFile(t *testing.T) {
	readme := read(t, "README.md")
	for _, pattern := range []string{"prometheus/*", "grafana/*", "systemd/*.env", "container/*.yaml"} {
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
