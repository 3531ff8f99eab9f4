package programs

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// session is a suite that runs in this process as the tool runs it.
type session struct {
	interrupt context.CancelFunc // the first Ctrl-C
	ended     chan error
	log       *waitedLog
}

func startSession(t *testing.T, behaviours ...string) *session {
	t.Helper()
	for _, setting := range append(freePorts(), behaviours...) {
		name, value, _ := strings.Cut(setting, "=")
		t.Setenv(name, value)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := &session{cancel, make(chan error, 1), &waitedLog{lines: make(chan string, 100)}}
	bin := standInFolder(t)
	go func() {
		s.ended <- Run(ctx, []string{"-bin", bin}, s.log, io.Discard)
		close(s.log.lines)
	}()
	t.Cleanup(cancel)
	return s
}

// waitedLog is a log of which every line can be waited for.
type waitedLog struct {
	mu    sync.Mutex // guards text
	text  bytes.Buffer
	lines chan string
}

func (w *waitedLog) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines <- string(b)
	return w.text.Write(b)
}

func (w *waitedLog) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// await returns the next line that holds text.
func (w *waitedLog) await(t *testing.T, text string) string {
	t.Helper()
	for line := range w.lines {
		if strings.Contains(line, text) {
			return line
		}
	}
	t.Fatalf("no line has %q:\n%s", text, w)
	return ""
}

func TestReadyLineNamesThePagesOfAllThree(t *testing.T) {
	s := startSession(t)
	line := s.log.await(t, "ready: ")
	pattern := regexp.MustCompile(`^suite   \| ready: (http://localhost:\d+)/  daily: http://localhost:\d+/  monthly: http://localhost:\d+/  `)
	match := pattern.FindStringSubmatch(line)
	if match == nil {
		t.Fatalf("the ready line is %q", line)
	}
	response, err := http.Get(match[1] + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("said to be ready, the api answers %s", response.Status)
	}
	s.interrupt()
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}

func TestInterruptStopsAllThreeCleanly(t *testing.T) {
	s := startSession(t)
	s.log.await(t, "ready: ")
	s.interrupt()
	if err := <-s.ended; err != nil {
		t.Errorf("stopping ends with %v", err)
	}
	for _, name := range []string{"api", "daily", "monthly"} {
		if !strings.Contains(s.log.String(), name+" is asked to stop") {
			t.Errorf("%s was not asked to stop:\n%s", name, s.log)
		}
	}
}

func TestInterruptDuringTheStartIsNoError(t *testing.T) {
	s := startSession(t, "FAKE_API="+standInUnready)
	s.log.await(t, "msg=listening")
	s.interrupt()
	if err := <-s.ended; err != nil {
		t.Errorf("stopping ends with %v", err)
	}
}

func TestSecondInterruptKills(t *testing.T) {
	s := startSession(t, "FAKE_DAILY="+standInDeaf)
	s.log.await(t, "ready: ")
	s.interrupt()
	s.log.await(t, "daily is asked to stop") // and does not
	if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := <-s.ended; err == nil || err.Error() != "killed by a second Ctrl-C" {
		t.Errorf("the error is %v, want the second Ctrl-C alone", err)
	}
}

func TestProgramThatEndsByItselfStopsTheOthersAndIsNamed(t *testing.T) {
	s := startSession(t)
	line := s.log.await(t, "ready: ")
	daily := regexp.MustCompile(`daily: (\S+)/  `).FindStringSubmatch(line)[1]
	if response, err := http.Post(daily+"/exit", "", nil); err == nil {
		response.Body.Close()
	}
	err := <-s.ended
	if err == nil || err.Error() != "daily ended by itself: exit status 3: the disk is full" {
		t.Errorf("the error is %v, want daily and why", err)
	}
	for _, name := range []string{"api", "monthly"} {
		if !strings.Contains(s.log.String(), name+" is asked to stop") {
			t.Errorf("%s was not asked to stop:\n%s", name, s.log)
		}
	}
}

func TestUnknownFlagIsRefused(t *testing.T) {
	var usage bytes.Buffer
	err := Run(t.Context(), []string{"-port", "1"}, io.Discard, &usage)
	if err == nil || !strings.Contains(usage.String(), "-bin") {
		t.Errorf("the error is %v with the usage %q", err, usage.String())
	}
}
