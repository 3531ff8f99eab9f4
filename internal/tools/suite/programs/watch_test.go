package programs

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// watched is a cluster that runs in this process as the tool runs it.
type watched struct {
	*session
	commands io.Writer
	ready    string // the line
}

func startWatch(t *testing.T, behaviours ...string) *watched {
	t.Helper()
	c := clusterOf(t)
	c.Env = append(c.Env, behaviours...)
	t.Setenv("API_ADDR", "127.0.0.1:0")
	ctx, cancel := context.WithCancel(t.Context())
	in, out := io.Pipe()
	w := &watched{session: &session{cancel, make(chan error, 1), &waitedLog{lines: make(chan string, 1000)}}, commands: out}
	go func() {
		w.ended <- runCluster(ctx, c, in, w.log)
		close(w.log.lines)
	}()
	t.Cleanup(cancel)
	w.ready = w.log.await(t, "ready: ")
	return w
}

func (w *watched) say(t *testing.T, command string) {
	t.Helper()
	if _, err := io.WriteString(w.commands, command+"\n"); err != nil {
		t.Fatal(err)
	}
}

func (w *watched) end(t *testing.T) {
	t.Helper()
	w.interrupt()
	if err := <-w.ended; err != nil {
		t.Error(err)
	}
}

func TestReadyLineNamesEveryNode(t *testing.T) {
	w := startWatch(t)
	const page = `http://localhost:\d+/`
	if !regexp.MustCompile(`^suite   \| ready: api1 ` + page + `  api2 ` + page + `  api3 ` + page + `  daily ` + page + `  monthly ` + page + `  Ctrl-C stops all\n$`).MatchString(w.ready) {
		t.Errorf("the ready line is %q", w.ready)
	}
	w.end(t)
	for _, name := range []string{"etcd1", "etcd2", "etcd3", "api1", "api2", "api3", "daily", "monthly"} {
		if !strings.Contains(w.log.String(), "\n"+linePrefix(Name(name))+Name(name).asked()) {
			t.Errorf("%s was not asked to stop:\n%s", name, w.log)
		}
	}
}

// asked is what a stand-in says that is asked to stop.
func (n Name) asked() string { return string(n.kind()) + " is asked to stop\n" }

func TestWhatEndsIsToldAndStaysSoUntilTheUserAsks(t *testing.T) {
	w := startWatch(t)
	pids := w.log.await(t, "kill what you like: ")
	pid, err := strconv.Atoi(regexp.MustCompile(`api2 is process (\d+),`).FindStringSubmatch(pids)[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	w.log.await(t, "api2 has ended: signal: killed; start api2 starts it again\n")
	page := regexp.MustCompile(`api2 (\S+/)  `).FindStringSubmatch(w.ready)[1]
	if answer, err := http.Get(page + "healthz"); err == nil {
		answer.Body.Close()
		t.Error("it was started again unasked")
	}
	w.say(t, "start api2")
	w.log.await(t, "api2 is ready again, as process ")
	if answer, err := http.Get(page + "healthz"); err != nil {
		t.Errorf("it is not ready: %v", err)
	} else {
		answer.Body.Close()
	}
	w.say(t, "start api2")
	w.log.await(t, "api2 runs\n")
	w.end(t)
}

func TestSignalsAreSentByName(t *testing.T) {
	w := startWatch(t)
	w.say(t, "kill etcd3")
	w.log.await(t, "etcd3 has ended: signal: killed; start etcd3 starts it again\n")
	w.say(t, "stop daily")
	w.log.await(t, "daily has ended: exit status 0; start daily starts it again\n")
	w.say(t, "pause api1")
	w.say(t, "shoot api1")
	w.log.await(t, "a command is one of kill, stop, pause, resume, start and a name\n")
	w.say(t, "kill api4")
	w.log.await(t, `there is no program "api4"`)
	w.end(t) // also what is paused
}

func TestClusterThatIsInterruptedWhileItStartsIsNoError(t *testing.T) {
	c := clusterOf(t)
	c.Env = append(c.Env, "FAKE_API="+standInUnready)
	t.Setenv("API_ADDR", "127.0.0.1:0")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c.Out = nil
	log := writerFunc(func(line []byte) {
		if strings.HasPrefix(string(line), linePrefix("api1")) {
			cancel()
		}
	})
	if err := runCluster(ctx, c, strings.NewReader(""), log); err != nil {
		t.Error(err)
	}
}

func TestPortsFollowFromThatOfTheFirstApi(t *testing.T) {
	for address, want := range map[string]int{"": 8000, "localhost:9000": 9000, "127.0.0.1:0": 0} {
		t.Setenv("API_ADDR", address)
		if port, err := basePort(); err != nil || port != want {
			t.Errorf("API_ADDR=%s begins at %d, %v", address, port, err)
		}
	}
	t.Setenv("API_ADDR", "localhost")
	if _, err := basePort(); err == nil || !strings.Contains(err.Error(), "API_ADDR=localhost") {
		t.Errorf("the error is %v", err)
	}
	if at := placeOf(8000, 1); at != (place{"127.0.0.1:8100", "127.0.0.1:8110", "127.0.0.1:8120", "127.0.0.1:8121", "127.0.0.1:8122"}) {
		t.Errorf("the second node is at %v", at)
	}
}
