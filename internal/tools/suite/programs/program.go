package programs

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"meterledger/api"
	"meterledger/internal/client"
	"meterledger/internal/config"
	"meterledger/internal/meter"
)

// Name is a program's name, that of its column in the log: its kind, and a number if there are several, as api2.
type Name string

// The programs. Etcd keeps the order of several nodes.
const (
	API     Name = "api"
	Daily   Name = "daily"
	Monthly Name = "monthly"
	Etcd    Name = "etcd"
)

// kind is the name without its number.
func (n Name) kind() Name { return Name(strings.TrimRight(string(n), "0123456789")) }

// An api with a long journal takes its time to start, and may have much to finish before it stops.
const (
	startTimeMax = 5 * time.Minute
	stopTimeMax  = time.Minute

	pollEvery   = 50 * time.Millisecond
	pollTimeMax = 2 * time.Second
)

// Program is one running program.
type Program struct {
	Name Name
	URL  string // where it answers, such as http://127.0.0.1:41377; Restart keeps it
	// Args are its flags, and Env settings of its own. A change counts from the next start on.
	Args, Env []string

	config  Config
	ca      *x509.CertPool // of API_CA, by which daily and monthly believe the api too
	beside  string         // of an etcd: where it tells how it is
	process *process       // the one that is running, or ran last; nil before the first
}

// process is one process of a program.
type process struct {
	cmd    *exec.Cmd
	output *output
	ended  chan struct{} // closed when the process is gone and its output is copied
	err    error         // why it ended; to be read once ended is closed
	known  atomic.Bool   // its end was wanted, or has been told
}

// StartProgram starts a program and returns once it is ready. After an error nothing is left running.
func StartProgram(ctx context.Context, c Config, name Name) (*Program, error) {
	p, err := newProgram(c, name)
	if err != nil {
		return nil, err
	}
	if err := p.start(ctx, c.Env); err != nil {
		return nil, err
	}
	return p, nil
}

// newProgram is a program that was not started yet.
func newProgram(c Config, name Name) (*Program, error) {
	environment := append(os.Environ(), c.Env...)
	ca, err := config.ParseCA(valueOf(environment, "API_CA"))
	if err = errors.Join(err, requireVisible(environment)); err != nil {
		return nil, err
	}
	return &Program{Name: name, Args: c.Args[name], config: c, ca: ca}, nil
}

// Host is where the program answers, as host:port.
func (p *Program) Host() string { return p.URL[strings.Index(p.URL, "//")+len("//"):] }

// Client returns a typed client of the program, which must be an api.
func (p *Program) Client() *client.Client {
	once := client.NewTransport(p.ca)
	once.DisableKeepAlives = true
	return client.New(&url.URL{Scheme: p.process.output.scheme, Host: p.Host()}, &http.Client{Transport: once})
}

// Restart stops the program if it runs, and starts it again at its address with its settings.
func (p *Program) Restart(ctx context.Context) error {
	if err := p.Stop(); err != nil {
		return err
	}
	return p.start(ctx, p.again())
}

// again is the environment of every start but the first, in which the program keeps its address.
func (p *Program) again() []string {
	env := slices.Concat(p.config.Env, p.Env)
	if p.process == nil || p.process.output.address == "" {
		return env
	}
	return append(env, strings.ToUpper(string(p.Name.kind()))+"_ADDR="+p.process.output.address)
}

// Runs reports whether the program was started and has not ended since.
func (p *Program) Runs() bool {
	if p.process == nil {
		return false
	}
	select {
	case <-p.process.ended:
		return false
	default:
		return true
	}
}

// Stop asks the program to stop and waits until it has. A program that does not within a minute is killed,
// and that is an error, as is any exit status but 0. A bad end is told once: not again after Stop, Kill or
// Wait.
func (p *Program) Stop() error {
	if p.process == nil {
		return nil
	}
	if err := p.process.signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping %s: %w", p.Name, err)
	}
	select {
	case <-p.process.ended:
	case <-time.After(stopTimeMax):
		return errors.Join(p.Kill(), fmt.Errorf("%s did not stop within %s and was killed", p.Name, stopTimeMax))
	}
	if p.process.err != nil && !p.process.endedAsTold(p.Name.kind()) && !p.process.known.Swap(true) {
		return fmt.Errorf("%s stopped, but not cleanly: %w", p.Name, p.process.fate())
	}
	return nil
}

// Kill ends the program at once with SIGKILL and waits until it is gone.
func (p *Program) Kill() error {
	if p.process == nil {
		return nil
	}
	p.process.known.Store(true)
	if err := p.process.signal(syscall.SIGKILL); err != nil {
		return fmt.Errorf("killing %s: %w", p.Name, err)
	}
	<-p.process.ended
	return nil
}

// Signal sends a signal, which is no error if the process is gone.
func (p *Program) Signal(s syscall.Signal) error { return p.process.signal(s) }

// PID returns the id of the process that is running, or ran last.
func (p *Program) PID() int { return p.process.cmd.Process.Pid }

// Wait returns nil when ctx ends, or before that an error that says how the program ended by itself.
func (p *Program) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-p.process.ended:
		p.process.known.Store(true)
		return fmt.Errorf("%s ended by itself: %w", p.Name, p.process.fate())
	}
}

// start runs the program until it is ready.
func (p *Program) start(ctx context.Context, env []string) error {
	if err := p.launch(env); err != nil {
		return err
	}
	return p.await(ctx)
}

// launch runs the binary in a process group of its own: a terminal sends its Ctrl-C to the whole foreground
// group, and it is for the parent to decide in which order its programs stop.
func (p *Program) launch(env []string) error {
	binary, err := filepath.Abs(filepath.Join(p.config.BinDir, string(p.Name.kind())))
	if p.Name.kind() == Etcd {
		binary, err = exec.LookPath(p.config.Etcd)
	}
	if err != nil {
		return fmt.Errorf("starting %s: %w", p.Name, err)
	}
	process := &process{cmd: exec.Command(binary, p.Args...), output: newOutput(p.Name, p.config.Out), ended: make(chan struct{})}
	process.cmd.Env = append(os.Environ(), env...)
	process.cmd.Stdout, process.cmd.Stderr = process.output, process.output
	process.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = process.cmd.Start()
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: run go build -o DIR ./cmd/... first", err)
	}
	if err != nil {
		return fmt.Errorf("starting %s: %w", p.Name, err)
	}
	go process.wait()
	p.process = process
	return nil
}

// await waits until the program that was launched is ready. One that does not come up is killed.
func (p *Program) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeMax, fmt.Errorf("not ready within %s", startTimeMax))
	defer cancel()
	if err := p.awaitReady(ctx); err != nil {
		_ = p.Kill() // the reason why it did not come up is the one to tell
		return fmt.Errorf("%s did not start: %w", p.Name, err)
	}
	return nil
}

// awaitReady waits for the address and then polls it until the program is ready or ends, or ctx does.
func (p *Program) awaitReady(ctx context.Context) error {
	err := errors.New("waiting for the log line that says where it listens")
	listening := p.process.output.listening
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	var again <-chan time.Time
	if p.beside != "" {
		listening, again = nil, ticker.C // its address is known
	}
	for {
		select {
		case <-listening:
			p.URL = baseURL(p.process.output.scheme, p.process.output.address)
			listening, again = nil, ticker.C
		case <-again:
		case <-p.process.ended:
			return p.process.fate()
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
		if err = p.poll(ctx); err == nil {
			return nil
		}
	}
}

// poll returns nil if the program is up, as is an api whose reception its operators have shut down.
func (p *Program) poll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pollTimeMax)
	defer cancel()
	if p.beside != "" {
		_, err := p.ask(ctx, "/health") // which needs a quorum
		return err
	}
	ask := p.Client().Healthy
	if p.Name.kind() == API {
		ask = p.Client().Ready // it listens while it still replays its journal
	}
	err := ask(ctx)
	var problem *api.Problem
	if errors.As(err, &problem) && problem.Code == meter.CodeNotReceiving {
		return nil
	}
	return err
}

// ask returns what a member of an etcd answers beside its clients' port: /health, /metrics.
func (p *Program) ask(ctx context.Context, path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.beside+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s of %s: %s", path, p.Name, answer.Status)
	}
	return io.ReadAll(answer.Body)
}

// wait returns when the process has ended.
func (p *process) wait() {
	p.err = p.cmd.Wait()
	p.output.flush()
	close(p.ended)
}

// signal is no error for a process that is gone.
func (p *process) signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// endedAsTold reports whether the process died of the SIGTERM that asked it to stop, as etcd does once it has stopped.
func (p *process) endedAsTold(kind Name) bool {
	status, isStatus := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return kind == Etcd && isStatus && status.Signaled() && status.Signal() == syscall.SIGTERM
}

// fate says how a process ended, with its last line of output, which names the trouble.
func (p *process) fate() error {
	status := p.err
	if status == nil {
		status = errors.New("exit status 0")
	}
	if p.output.last == "" {
		return status
	}
	return fmt.Errorf("%w: %s", status, p.output.last)
}
