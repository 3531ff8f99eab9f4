package programs

import (
	"context"
	"net/http"
	"strings"
	"testing"
)

func TestKilledProgramRestartsAtItsAddress(t *testing.T) {
	s := start(t, configOf(t, nil))
	before := s.API.URL
	if err := s.API.Kill(); err != nil {
		t.Fatal(err)
	}
	if response, err := http.Get(before + "/healthz"); err == nil {
		response.Body.Close()
		t.Fatal("a killed api still answers")
	}
	if err := s.API.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.API.URL != before {
		t.Errorf("the api moved from %s to %s", before, s.API.URL)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

func TestProgramThatDoesNotStopCleanlyIsNamed(t *testing.T) {
	s := start(t, configOf(t, nil, "FAKE_DAILY="+standInDirty))
	err := s.Stop()
	if err == nil || !strings.HasPrefix(err.Error(), "daily stopped, but not cleanly: exit status 7") {
		t.Errorf("the error is %v, want daily and its status", err)
	}
}

func TestCrashIsToldWhenTheProgramIsStopped(t *testing.T) {
	s := start(t, configOf(t, nil))
	exit(s.API)
	err := s.API.Stop()
	if err == nil || !strings.Contains(err.Error(), "exit status 3: the disk is full") {
		t.Errorf("the error is %v, want the crash", err)
	}
}

func TestApiThatIsShutDownCountsAsStarted(t *testing.T) {
	p, err := StartProgram(t.Context(), configOf(t, nil, "FAKE_API="+standInShutDown), API)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
}

// writerFunc is called with every line.
type writerFunc func(line []byte)

func (f writerFunc) Write(line []byte) (int, error) {
	f(line)
	return len(line), nil
}

func TestCancelledStartLeavesNothingRunning(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := configOf(t, nil, "FAKE_API="+standInUnready)
	var address string
	c.Out = writerFunc(func(b []byte) {
		if match := listenPattern.FindSubmatch(b); match != nil {
			address = string(match[1])
			cancel()
		}
	})
	_, err := StartProgram(ctx, c, API)
	if err == nil || !strings.Contains(err.Error(), "context canceled") {
		t.Errorf("the error is %v, want the cancellation", err)
	}
	if response, err := http.Get("http://" + address + "/healthz"); err == nil {
		response.Body.Close()
		t.Errorf("the api at %s still runs", address)
	}
}

func TestLogLevelThatHidesTheAddressIsRefused(t *testing.T) {
	t.Setenv("LOG_LEVEL", "info")
	_, err := StartProgram(t.Context(), configOf(t, nil, "LOG_LEVEL=warn"), API)
	if err == nil || !strings.HasPrefix(err.Error(), "LOG_LEVEL=warn hides") {
		t.Errorf("the error is %v, want one about LOG_LEVEL", err)
	}
}

func TestCallersReachAnyListenAddress(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:8000": "http://127.0.0.1:8000",
		"0.0.0.0:8000":   "http://localhost:8000",
		"[::]:8000":      "http://localhost:8000",
		"[::1]:8000":     "http://[::1]:8000",
		":8000":          "http://localhost:8000",
	} {
		if got := baseURL("http", address); got != want {
			t.Errorf("%s is reached at %s, want %s", address, got, want)
		}
	}
}
