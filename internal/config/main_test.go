package config

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asProgram makes the test's own program be one with the settings of the api, which runs until
// it is told to stop.
const asProgram = "CONFIG_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "" {
		os.Exit(m.Run())
	}
	Main(LoadAPI, func(ctx context.Context, _ API, log *slog.Logger) error {
		log.Info("ready")
		<-ctx.Done()
		log.Info("stopped")
		return nil
	})
}

// output is what a program logs.
type output struct {
	*bufio.Reader
	io.Closer
}

// startProgram starts such a program and returns it with what it logs.
func startProgram(t *testing.T) (*exec.Cmd, *output) {
	t.Helper()
	program := exec.CommandContext(t.Context(), os.Args[0])
	program.Env = append(os.Environ(), asProgram+"=1")
	log, err := program.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	return program, &output{bufio.NewReader(log), log}
}

func expectLine(t *testing.T, log *output, want string) {
	t.Helper()
	if line, err := log.ReadString('\n'); err != nil || !strings.Contains(line, want) {
		t.Fatalf("the log goes on with %q, %v; want %q", line, err, want)
	}
}

func TestSIGHUPEndsNoProgram(t *testing.T) {
	if signal.Ignored(syscall.SIGHUP) {
		t.Skip("SIGHUP is ignored here, as under nohup: a program does not get it")
	}
	program, log := startProgram(t)
	expectLine(t, log, "msg=ready")
	if err := program.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	expectLine(t, log, "SIGHUP does not end the program")
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGPIPE, syscall.SIGTERM} {
		if err := program.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	expectLine(t, log, "msg=stopped") // and no second word about SIGHUP
	if err := program.Wait(); err != nil {
		t.Error(err)
	}
}

func TestProgramOutlivesWhoReadsItsLog(t *testing.T) {
	program, log := startProgram(t)
	expectLine(t, log, "msg=ready")
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if err := program.Process.Signal(syscall.SIGTERM); err != nil { // "stopped" cannot be written
		t.Fatal(err)
	}
	if err := program.Wait(); err != nil {
		t.Error(err)
	}
}

func TestFatalStartErrorIsALineOfTheLog(t *testing.T) {
	for _, args := range [][]string{
		{"-log-format", "json", "-addr", "nowhere"},
		{"-addr", "nowhere", "-log-format=json"},
		{"-log-format", "json", "-no-such-setting", "1"},
		{"-no-such-setting", "1", "-nor-this", "--log-format", "json"},
		{"-timezone", "Mars", "-log-format", "json"},
		{"-log-format", "json", "start"},
	} {
		program := exec.CommandContext(t.Context(), os.Args[0], args...)
		program.Env = append(os.Environ(), asProgram+"=1")
		var stderr bytes.Buffer
		program.Stderr = &stderr
		if err := program.Run(); program.ProcessState.ExitCode() != 2 {
			t.Errorf("%q: %v", args, err)
		}
		var line struct {
			Time     time.Time
			Level    string
			Error    string
			ExitCode int `json:"exit_code"`
		}
		if err := json.Unmarshal(stderr.Bytes(), &line); err != nil || line.Level != "ERROR" || line.Error == "" || line.ExitCode != 2 || line.Time.IsZero() {
			t.Errorf("%q: %v in %s", args, err, &stderr)
		}
	}
}

func TestLogHasOneClockAndOneUnit(t *testing.T) {
	for _, tt := range []struct{ format, took, at string }{
		{"text", ` took=1.5s `, ` at=2026-11-26T00:05:00.000+08:00` + "\n"},
		{"json", `"took":1.5,`, `"at":"2026-11-26T00:05:00+08:00"}` + "\n"},
	} {
		c, err := LoadAPI([]string{"-log-format", tt.format}, environment(), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		c.Logger(&out).Info("scheduled", "took", 1500*time.Millisecond, "at", time.Date(2026, 11, 25, 16, 5, 0, 0, time.UTC))
		if got := out.String(); !strings.Contains(got, tt.took) || !strings.HasSuffix(got, tt.at) || strings.Count(got, "+08:00") != 2 {
			t.Errorf("%s: %s", tt.format, got)
		}
	}
}

func TestProfilerListensOnLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"localhost:6060", "127.0.0.1:0", "127.8.0.1:1", "[::1]:6060"} {
		if c, err := LoadDaily([]string{"-pprof-addr", addr}, environment(), io.Discard); err != nil || c.PprofAddr != addr {
			t.Errorf("%s: %q, %v", addr, c.PprofAddr, err)
		}
	}
	for _, addr := range []string{":6060", "0.0.0.0:6060", "10.0.0.1:6060", "[::]:6060", "meters.example:6060", "localhost.evil.example:1", "localhost"} {
		_, err := LoadMonthly(nil, environment("PPROF_ADDR", addr), io.Discard)
		if want := fmt.Sprintf("PPROF_ADDR: %q is not host:port on loopback, such as localhost:6060", addr); err == nil || err.Error() != want {
			t.Errorf("%s: %v", addr, err)
		}
	}
	if c, err := LoadAPI(nil, environment(), io.Discard); err != nil || c.PprofAddr != "" {
		t.Errorf("by default: %q, %v", c.PprofAddr, err)
	}
}
