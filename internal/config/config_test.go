package config

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// environment returns a getenv that knows only the given variables.
func environment(pairs ...string) func(string) string {
	variables := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		variables[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return variables[name] }
}

func TestDefaultsAreTheContracts(t *testing.T) {
	api, err := LoadAPI(nil, environment(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if api.Addr != "localhost:8000" || api.DataDir != "data" || api.ArchiveDir != "Archive" || api.RateLimit != 0 || api.RefusalsMax != 1_000_000 || api.MetersMax != 10_000_000 || api.ReadingsFrom.String() != "2010-01-01" ||
		api.Timezone.String() != "Asia/Singapore" || api.Format != "text" || api.Level != slog.LevelInfo {
		t.Errorf("api: %+v", api)
	}
	daily, errDaily := LoadDaily(nil, environment(), io.Discard)
	monthly, errMonthly := LoadMonthly(nil, environment(), io.Discard)
	if err := errors.Join(errDaily, errMonthly); err != nil {
		t.Fatal(err)
	}
	if daily.Addr != "localhost:8001" || daily.Schedule != "5 0 * * *" || daily.APIURLs.String() != "http://localhost:8000" ||
		daily.Timezone.String() != "Asia/Singapore" || daily.Format != "text" || daily.Level != slog.LevelInfo {
		t.Errorf("daily: %+v", daily)
	}
	if monthly.Addr != "localhost:8002" || monthly.Schedule != "15 0 1 * *" || monthly.APIURLs.String() != "http://localhost:8000" {
		t.Errorf("monthly: %+v", monthly)
	}
}

func TestEveryProgramHasTheSettingsOfTheNetwork(t *testing.T) {
	want := Network{
		Auth: true, TLSCert: "c.pem", TLSKey: "k.pem", TLSClientCA: "ca.pem",
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.7/32"), netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("2001:db8::/64")},
	}
	args := []string{"-auth", "on", "-tls-cert", "c.pem", "-tls-key", "k.pem", "-tls-client-ca", "ca.pem", "-trusted-proxies", "10.0.0.7, 10.1.2.3/16,2001:db8::7/64"}
	variables := environment("AUTH", "on", "TLS_CERT", "c.pem", "TLS_KEY", "k.pem", "TLS_CLIENT_CA", "ca.pem", "TRUSTED_PROXIES", "::ffff:10.0.0.7,10.1.2.3/16,2001:db8::7/64")
	for program, load := range map[string]func([]string, func(string) string) (Network, error){
		"api": func(args []string, getenv func(string) string) (Network, error) {
			c, err := LoadAPI(args, getenv, io.Discard)
			return c.Network, err
		},
		"daily": func(args []string, getenv func(string) string) (Network, error) {
			c, err := LoadDaily(args, getenv, io.Discard)
			return c.Network, err
		},
		"monthly": func(args []string, getenv func(string) string) (Network, error) {
			c, err := LoadMonthly(args, getenv, io.Discard)
			return c.Network, err
		},
	} {
		if got, err := load(args, environment()); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s, flags: got %+v, %v", program, got, err)
		}
		if got, err := load(nil, variables); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s, environment: got %+v, %v", program, got, err)
		}
		if got, err := load(nil, environment()); err != nil || !reflect.DeepEqual(got, Network{}) {
			t.Errorf("%s, by default: got %+v, %v", program, got, err)
		}
	}
}

func TestOnlyTheApiTakesTokensOfAnIssuerAndOnlyTheOthersSendOne(t *testing.T) {
	api, err := LoadAPI([]string{"-oidc-issuer", "https://login.example/", "-oidc-audience", "meters", "-meters-max", "5"}, environment(), io.Discard)
	if err != nil || api.OIDCIssuer != "https://login.example/" || api.OIDCAudience != "meters" || api.MetersMax != 5 {
		t.Errorf("got %+v, %v", api, err)
	}
	if api, err = LoadAPI([]string{"-oidc-issuer", "http://127.0.0.1:7000", "-oidc-audience", "meters"}, environment(), io.Discard); err != nil {
		t.Errorf("an issuer on loopback: %v", err)
	}
	daily, err := LoadDaily([]string{"-api-token-file", "t"}, environment(), io.Discard)
	if err != nil || daily.APITokenFile != "t" || daily.APICA != nil {
		t.Errorf("got %+v, %v", daily, err)
	}
}

func TestEverySettingIsAFlagAndAnEnvironmentVariable(t *testing.T) {
	wantAPI := func(c API, err error) error {
		if err != nil || c.Addr != ":1" || c.DataDir != "d" || c.ArchiveDir != "a" || !c.ArchiveCompress || c.Timezone.String() != "Europe/London" ||
			c.RateLimit != 60 || c.RefusalsMax != 7 || c.MetersMax != 8 || c.ReadingsFrom.String() != "2005-07-01" || !slices.Equal(c.Hosts, []string{"m.example", "[::7]"}) ||
			c.SnapshotSize != 3<<30 || c.SnapshotInterval != 90*time.Second || c.DiskFreeMin != 1000 || c.MemoryLimit != 2<<30 ||
			c.DiskSlow != 3*time.Second || c.Format != "json" || c.Level != slog.LevelDebug {
			return fmt.Errorf("got %+v, %v", c, err)
		}
		return nil
	}
	if err := wantAPI(LoadAPI([]string{
		"-addr", ":1", "-hosts", "m.example, [::7]", "-data-dir", "d", "--archive-dir=a", "-archive-compress", "zstd",
		"-timezone", "Europe/London", "-rate-limit", "60", "-refusals-max", "7", "-meters-max", "8", "-readings-from", "2005-07-01",
		"-log-format", "json", "-log-level", "debug",
		"-snapshot-size", "3GiB", "-snapshot-interval", "90s",
		"-disk-free-min", "1000", "-disk-slow", "3s", "-memory-limit", "2GiB",
	}, environment("API_ADDR", ":9", "DATA_DIR", "x", "TIMEZONE", "UTC", "LOG_LEVEL", "error"), io.Discard)); err != nil {
		t.Errorf("flags, which win: %v", err)
	}
	if err := wantAPI(LoadAPI(nil, environment(
		"API_ADDR", ":1", "HOSTS", "m.example,[::7]", "DATA_DIR", "d", "ARCHIVE_DIR", "a", "ARCHIVE_COMPRESS", "zstd",
		"TIMEZONE", "Europe/London", "RATE_LIMIT", "60", "REFUSALS_MAX", "7", "METERS_MAX", "8", "READINGS_FROM", "2005-07-01",
		"LOG_FORMAT", "json", "LOG_LEVEL", "debug",
		"SNAPSHOT_SIZE", "3GiB", "SNAPSHOT_INTERVAL", "90s",
		"DISK_FREE_MIN", "1000", "DISK_SLOW", "3s", "MEMORY_LIMIT", "2GiB",
	), io.Discard)); err != nil {
		t.Errorf("environment: %v", err)
	}

	wantMaintenance := func(c Maintenance, err error) error {
		if err != nil || c.Addr != ":1" || c.APIURLs.String() != "https://api.example/meters" || c.Schedule != "" || c.History != "h/x.json" || !slices.Equal(c.Hosts, []string{"m.example"}) || c.Timezone.String() != "UTC" {
			return fmt.Errorf("got %+v, %v", c, err)
		}
		return nil
	}
	flags := []string{"-addr", ":1", "-hosts", "m.example", "-api-url", "https://api.example/meters", "-schedule", "off", "-timezone", "UTC", "-history", "h/x.json"}
	for name, load := range map[string]func([]string, func(string) string, io.Writer) (Maintenance, error){"DAILY": LoadDaily, "MONTHLY": LoadMonthly} {
		if err := wantMaintenance(load(flags, environment(), io.Discard)); err != nil {
			t.Errorf("%s, flags: %v", name, err)
		}
		if err := wantMaintenance(load(nil, environment(
			name+"_ADDR", ":1", "HOSTS", "m.example", "API_URL", "https://api.example/meters", name+"_SCHEDULE", "off", "TIMEZONE", "UTC", name+"_HISTORY", "h/x.json",
		), io.Discard)); err != nil {
			t.Errorf("%s, environment: %v", name, err)
		}
	}
}

func TestAnAPIHasOneAddressOrSeveral(t *testing.T) {
	c, err := LoadMonthly([]string{"-api-url", "http://a:1, https://u:secret@b/meters"}, environment(), io.Discard)
	if err != nil || len(c.APIURLs) != 2 || c.APIURLs[1].Path != "/meters" || c.APIURLs.String() != "http://a:1,https://u:xxxxx@b/meters" {
		t.Errorf("%v, %v", c.APIURLs, err)
	}
}

func TestVerifyIsAskedForByAFlagAlone(t *testing.T) {
	for _, args := range [][]string{nil, {"-verify"}, {"-verify", "-data-dir", "d"}, {"-verify=false"}} {
		c, err := LoadAPI(args, environment("VERIFY", "true"), io.Discard)
		if want := len(args) > 0 && args[0] == "-verify"; err != nil || c.Verify != want {
			t.Errorf("%q: verify is %v, %v", args, c.Verify, err)
		}
	}
	if _, err := LoadDaily([]string{"-verify"}, environment(), io.Discard); err == nil {
		t.Error("daily, which has no folders, took it")
	}
}

func TestWrongSettingIsNamedInOneLine(t *testing.T) {
	loadAPI := func(args []string, getenv func(string) string) error {
		_, err := LoadAPI(args, getenv, io.Discard)
		return err
	}
	loadDaily := func(args []string, getenv func(string) string) error {
		_, err := LoadDaily(args, getenv, io.Discard)
		return err
	}
	for _, tt := range []struct {
		load func([]string, func(string) string) error
		args []string
		env  []string
		want string
	}{
		{loadAPI, []string{"-timezone", "Mars"}, nil, `-timezone: "Mars" is not an IANA time zone such as Asia/Singapore`},
		{loadAPI, nil, []string{"TIMEZONE", "Local"}, `TIMEZONE: "Local" is not an IANA time zone such as Asia/Singapore`},
		{loadAPI, []string{"-timezone", "../etc"}, nil, `-timezone: "../etc" is not an IANA time zone such as Asia/Singapore`},
		{loadAPI, []string{"-addr", ""}, nil, `-addr: "" is not host:port such as localhost:8000`},
		{loadAPI, nil, []string{"API_ADDR", "8000"}, `API_ADDR: "8000" is not host:port such as localhost:8000`},
		{loadAPI, []string{"-addr", "localhost:65536"}, nil, `-addr: "localhost:65536" needs a port from 0 to 65535, such as localhost:8000`},
		{loadAPI, []string{"-hosts", "a.example,b.example:80"}, nil, `-hosts: "b.example:80" is not a name such as meters.example or an IP address, without a port`},
		{loadAPI, nil, []string{"HOSTS", "a,,b"}, `HOSTS: "" is not a name such as meters.example or an IP address, without a port`},
		{loadDaily, []string{"-hosts", "*.example"}, nil, `-hosts: "*.example" is not a name such as meters.example or an IP address, without a port`},
		{loadAPI, []string{"-archive-compress", "gzip"}, nil, `-archive-compress: "gzip" is neither off nor zstd`},
		{loadAPI, []string{"-data-dir="}, nil, `-data-dir: "" is not the path of a folder`},
		{loadAPI, []string{"-meters-max", "100000001"}, nil, `-meters-max: "100000001" is not a number of meters, 0 to 100000000`},
		{loadAPI, []string{"-auth", "yes"}, nil, `-auth: "yes" is neither on nor off`},
		{loadDaily, []string{"-tls-cert", "c.pem"}, nil, `-tls-key: -tls-cert is given and needs the file of its key too`},
		{loadAPI, nil, []string{"TLS_KEY", "k.pem"}, `-tls-cert: -tls-key is given and needs the file of its certificate too`},
		{loadAPI, []string{"-tls-client-ca", "ca.pem"}, nil, `-tls-client-ca: client certificates need TLS: give -tls-cert and -tls-key`},
		{loadAPI, []string{"-tls-cert", "certs/"}, nil, `-tls-cert: "certs/" is not the path of a file`},
		{loadDaily, []string{"-trusted-proxies", "10.0.0.7,proxy"}, nil, `-trusted-proxies: "proxy" is not an address such as 10.0.0.7, nor some of them such as 10.0.0.0/24`},
		{loadDaily, []string{"-trusted-proxies", "10.0.0.7:80"}, nil, `-trusted-proxies: "10.0.0.7:80" is not an address such as 10.0.0.7, nor some of them such as 10.0.0.0/24`},
		{loadDaily, []string{"-trusted-proxies", "fe80::1%eth0"}, nil, `-trusted-proxies: "fe80::1%eth0" is not an address such as 10.0.0.7, nor some of them such as 10.0.0.0/24`},
		{loadDaily, []string{"-trusted-proxies", "::/0"}, nil, `-trusted-proxies: "::/0" is not an address such as 10.0.0.7, nor some of them such as 10.0.0.0/24`},
		{loadDaily, []string{"-trusted-proxies", "::ffff:0.0.0.0/96"}, nil, `-trusted-proxies: "::ffff:0.0.0.0/96" is not an address such as 10.0.0.7, nor some of them such as 10.0.0.0/24`},
		{loadDaily, []string{"-trusted-proxies", "10.0.0.7,"}, nil, `-trusted-proxies: "" is not an address such as 10.0.0.7, nor some of them such as 10.0.0.0/24`},
		{loadAPI, []string{"-oidc-issuer", "http://login.example", "-oidc-audience", "m"}, nil, `-oidc-issuer: "http://login.example" is not the address of an issuer such as https://login.example/realms/meters`},
		{loadAPI, []string{"-oidc-issuer", "https://login.example"}, nil, `-oidc-audience: -oidc-issuer and -oidc-audience go together: give both or neither`},
		{loadAPI, []string{"-oidc-audience", "m"}, nil, `-oidc-audience: -oidc-issuer and -oidc-audience go together: give both or neither`},
		{loadDaily, []string{"-api-ca", "config.go"}, nil, `-api-ca: "config.go" has no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----`},
		{loadDaily, nil, []string{"API_CA", "none.pem"}, `API_CA: no certificates can be read: open none.pem: no such file or directory`},
		{loadDaily, []string{"-oidc-issuer", "https://login.example"}, nil, `flag provided but not defined: -oidc-issuer; -h lists every setting`},
		{loadAPI, []string{"-rate-limit", "-1"}, nil, `-rate-limit: "-1" is not a number of requests a minute, 0 to 1000000000`},
		{loadAPI, []string{"-snapshot-size", "256MB"}, nil, `-snapshot-size: "256MB" is not a size such as 256MiB (bytes, KiB, MiB, GiB or TiB)`},
		{loadAPI, []string{"-snapshot-size", "2000000TiB"}, nil, `-snapshot-size: "2000000TiB" is not a size such as 256MiB (bytes, KiB, MiB, GiB or TiB)`},
		{loadAPI, nil, []string{"DISK_FREE_MIN", "-1"}, `DISK_FREE_MIN: "-1" is not a size such as 256MiB (bytes, KiB, MiB, GiB or TiB)`},
		{loadAPI, []string{"-snapshot-interval", "10ms"}, nil, `-snapshot-interval: "10ms" is not a time such as 1h or 90s, at least 1s; 0 is off`},
		{loadAPI, []string{"-refusals-max", "-1"}, nil, `-refusals-max: "-1" is not a number of readings, 0 to 100000000`},
		{loadAPI, []string{"-meters-max", "many"}, nil, `-meters-max: "many" is not a number of meters, 0 to 100000000`},
		{loadAPI, []string{"-refusals-max", "100000001"}, nil, `-refusals-max: "100000001" is not a number of readings, 0 to 100000000`},
		{loadAPI, []string{"-rate-limit", "1.5"}, nil, `-rate-limit: "1.5" is not a number of requests a minute, 0 to 1000000000`},
		{loadAPI, []string{"-readings-from", "2010-1-1"}, nil, `-readings-from: "2010-1-1" is not a day such as 2010-01-01, not before the year 2000`},
		{loadAPI, nil, []string{"READINGS_FROM", "1999-12-31"}, `READINGS_FROM: "1999-12-31" is not a day such as 2010-01-01, not before the year 2000`},
		{loadAPI, []string{"-log-format", "xml"}, nil, `-log-format: "xml" is neither text nor json`},
		{loadAPI, []string{"-log-level", "trace"}, nil, `-log-level: "trace" is not one of debug, info, warn, error`},
		{loadDaily, []string{"-history", "runs/"}, nil, `-history: "runs/" is not the path of a file, nor off`},
		{loadAPI, []string{"-schedule", "off"}, nil, `flag provided but not defined: -schedule; -h lists every setting`},
		{loadAPI, []string{"-addr"}, nil, `flag needs an argument: -addr; -h lists every setting`},
		{loadAPI, []string{"start"}, nil, `unexpected argument "start": every setting is a flag, -h lists them`},
		{loadDaily, []string{"-api-url", "localhost:8000"}, nil, `-api-url: "localhost:8000" is not an address such as http://localhost:8000`},
		{loadDaily, []string{"-api-url", "http://"}, nil, `-api-url: "http://" is not an address such as http://localhost:8000`},
		{loadDaily, []string{"-api-url", "http://a?b=c"}, nil, `-api-url: "http://a?b=c" is not an address such as http://localhost:8000`},
		{loadDaily, []string{"-api-url", "http://a,b:8000"}, nil, `-api-url: "b:8000" is not an address such as http://localhost:8000`},
		{loadDaily, []string{"-api-url", "http://a,"}, nil, `-api-url: "" is not an address such as http://localhost:8000`},
		{loadDaily, []string{"-schedule", "at noon"}, nil, `-schedule: "at noon" is not a cron expression such as 5 0 * * * (minute hour day month weekday), nor off`},
		{loadDaily, nil, []string{"DAILY_SCHEDULE", "61 0 * * *"}, `DAILY_SCHEDULE: "61 0 * * *" is not a cron expression such as 5 0 * * * (minute hour day month weekday), nor off`},
		{loadDaily, []string{"-schedule", "0 0 31 2 *"}, nil, `-schedule: "0 0 31 2 *" is not a cron expression such as 5 0 * * * (minute hour day month weekday), nor off`},
		{loadDaily, []string{"-schedule", "TZ=UTC"}, nil, `-schedule: "TZ=UTC" is not a cron expression such as 5 0 * * * (minute hour day month weekday), nor off`},
		{loadDaily, []string{"-schedule", ""}, nil, `-schedule: "" is not a cron expression such as 5 0 * * * (minute hour day month weekday), nor off`},
	} {
		err := tt.load(tt.args, environment(tt.env...))
		var wrong *SettingError
		if !errors.As(err, &wrong) || err.Error() != tt.want {
			t.Errorf("%v %v:\ngot  %v\nwant %s", tt.args, tt.env, err, tt.want)
		}
		var line bytes.Buffer
		if code := report(Log{}.Logger(&line), err); code != 2 || !strings.HasSuffix(line.String(), fmt.Sprintf(" level=ERROR msg=\"the program ends\" error=%q exit_code=2\n", tt.want)) {
			t.Errorf("%v: exit code %d, printed %q", tt.args, code, &line)
		}
	}
}

func TestEmptyEnvironmentVariableCountsAsNotSet(t *testing.T) {
	c, err := LoadAPI(nil, environment("API_ADDR", "", "TIMEZONE", ""), io.Discard)
	if err != nil || c.Addr != "localhost:8000" {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestHelpListsEverySetting(t *testing.T) {
	var out bytes.Buffer
	if _, err := LoadMonthly([]string{"-h"}, environment(), &out); !errors.Is(err, flag.ErrHelp) || report(Log{}.Logger(&out), err) != 0 {
		t.Errorf("got %v", err)
	}
	for _, words := range []string{
		"-addr", "MONTHLY_ADDR", "localhost:8002", "-api-url", "API_URL", "http://localhost:8000",
		"-schedule", "MONTHLY_SCHEDULE", "15 0 1 * *", "-timezone", "TIMEZONE", "Asia/Singapore",
		"-log-format", "LOG_FORMAT", "-log-level", "LOG_LEVEL", "-version", "-h",
	} {
		if !strings.Contains(out.String(), " "+words+" ") {
			t.Errorf("no %s in\n%s", words, &out)
		}
	}
}

func TestVersionNamesTheGoVersion(t *testing.T) {
	var out bytes.Buffer
	if _, err := LoadAPI([]string{"-version"}, environment(), &out); !errors.Is(err, ErrVersion) || report(Log{}.Logger(&out), err) != 0 {
		t.Errorf("got %v", err)
	}
	if got := out.String(); !strings.HasPrefix(got, "api ") || !strings.Contains(got, "commit ") || !strings.HasSuffix(got, runtime.Version()+"\n") {
		t.Errorf("got %q", got)
	}
}

func TestFailureIsReportedInOneLine(t *testing.T) {
	var out bytes.Buffer
	if code := report(Log{}.Logger(&out), errors.Join(errors.New("disk full"), errors.New("closing"))); code != 1 ||
		!strings.HasSuffix(out.String(), ` msg="the program ends" error="disk full; closing" exit_code=1`+"\n") {
		t.Errorf("exit code %d, printed %q", code, &out)
	}
	if code := report(Log{}.Logger(&out), nil); code != 0 {
		t.Errorf("exit code %d without an error", code)
	}
}

func TestLoggerFollowsFormatAndLevel(t *testing.T) {
	var out bytes.Buffer
	Log{Format: "json", Level: slog.LevelWarn}.Logger(&out).Warn("full", "disk", 1)
	if !strings.HasPrefix(out.String(), "{") || !strings.Contains(out.String(), `"msg":"full","disk":1`) {
		t.Errorf("json: %s", &out)
	}
	out.Reset()
	text := Log{Format: "text", Level: slog.LevelWarn}.Logger(&out)
	text.Info("not said")
	text.Warn("full", "disk", 1)
	if strings.Contains(out.String(), "not said") || !strings.Contains(out.String(), "level=WARN msg=full disk=1") {
		t.Errorf("text: %s", &out)
	}
}
