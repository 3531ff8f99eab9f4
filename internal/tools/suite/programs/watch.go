package programs

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// watch lets a user end programs of a cluster and start them again. What ends stays ended until the user asks.
type watch struct {
	*Cluster
	ctx  context.Context
	out  io.Writer
	ends chan end              // of those that have ended, each once
	live map[*Program]struct{} // those that were started and whose end was not told yet
}

// end is how a program has ended. It is told once the program can be started again.
type end struct {
	program *Program
	status  string
}

// runCluster starts a cluster, obeys commands, and stops it when ctx ends.
func runCluster(ctx context.Context, c ClusterConfig, in io.Reader, stdout io.Writer) error {
	var err error
	if c.Port, err = basePort(); err != nil {
		return err
	}
	stdout = &oneAtATime{out: stdout}
	c.Out = stdout
	cluster, err := StartCluster(ctx, c)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	w := &watch{cluster, ctx, stdout, make(chan end), make(map[*Program]struct{})}
	for _, p := range w.All() {
		w.follow(p, nil)
	}
	w.tellReady()
	w.run(commandsOf(ctx, in))
	for _, p := range w.All() {
		_ = p.Signal(syscall.SIGCONT) // one that is paused could not stop
	}
	return stop(cluster, "all", stdout)
}

// basePort is the port of API_ADDR, from which those of the cluster follow; 0 takes free ones.
func basePort() (int, error) {
	address := os.Getenv("API_ADDR")
	if address == "" {
		return 8000, nil
	}
	_, text, err := net.SplitHostPort(address)
	port, wrong := strconv.Atoi(text)
	if err != nil || wrong != nil {
		return 0, fmt.Errorf("API_ADDR=%s names no port, from which those of all nodes follow: give one such as localhost:8000", address)
	}
	return port, nil
}

func (w *watch) tellReady() {
	ready, pids := "ready:", "kill what you like:"
	for _, p := range w.All() {
		if p.Name.kind() != Etcd {
			ready += fmt.Sprintf(" %s %s/ ", p.Name, local(p.URL))
		}
		pids += fmt.Sprintf(" %s is process %d,", p.Name, p.PID())
	}
	say(w.out, "%s Ctrl-C stops all", ready)
	say(w.out, "%s", strings.TrimSuffix(pids, ","))
	say(w.out, "or type a command and a name: %s; what has ended stays so until you type start", strings.Join(verbs, ", "))
}

// commandsOf reads lines. It ends with its input, or with the process.
func commandsOf(ctx context.Context, in io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		for scanner := bufio.NewScanner(in); scanner.Scan(); {
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

// run obeys commands and tells of ends, one after another, until the context ends.
func (w *watch) run(commands <-chan string) {
	for {
		select {
		case <-w.ctx.Done():
			return
		case e := <-w.ends:
			delete(w.live, e.program)
			say(w.out, "%s has ended: %s; start %[1]s starts it again", e.program.Name, e.status)
		case line := <-commands:
			if err := w.obey(strings.Fields(line)); err != nil {
				say(w.out, "%v", err)
			}
		}
	}
}

// follow waits for a program that was launched, first for its being ready if await is not nil, and tells its end.
func (w *watch) follow(p *Program, await func(context.Context) error) {
	w.live[p] = struct{}{}
	process := p.process
	go func() {
		if await != nil {
			if err := await(w.ctx); err != nil {
				say(w.out, "%v", err)
			} else {
				say(w.out, "%s is ready again, as process %d", p.Name, process.cmd.Process.Pid)
			}
		}
		select {
		case <-process.ended:
		case <-w.ctx.Done():
			return
		}
		process.known.Store(true)
		status := "exit status 0"
		if process.err != nil {
			status = process.err.Error()
		}
		select {
		case w.ends <- end{p, status}:
		case <-w.ctx.Done():
		}
	}()
}

// verbs are what a user may type before a name.
var verbs = []string{"kill", "stop", "pause", "resume", "start"}

// signals are what the verbs send.
var signals = map[string]syscall.Signal{"kill": syscall.SIGKILL, "stop": syscall.SIGTERM, "pause": syscall.SIGSTOP, "resume": syscall.SIGCONT}

func (w *watch) obey(words []string) error {
	if len(words) != 2 || !slices.Contains(verbs, words[0]) {
		return fmt.Errorf("a command is one of %s and a name", strings.Join(verbs, ", "))
	}
	p := w.Program(Name(words[1]))
	if p == nil {
		return fmt.Errorf("there is no program %q", words[1])
	}
	if s, isSignal := signals[words[0]]; isSignal {
		return p.Signal(s)
	}
	if _, lives := w.live[p]; lives {
		return fmt.Errorf("%s runs", p.Name)
	}
	if err := p.launch(p.again()); err != nil {
		return err
	}
	w.follow(p, p.await)
	return nil
}
