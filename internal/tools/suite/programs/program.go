package programs

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"meterledger/api"
	"meterledger/internal/client"
	"meterledger/internal/config"
	"meterledger/internal/meter"
)

// Name is a program's name: that of its binary and of its column in the log.
type Name string

// The three programs.
const (
	API     Name = "api"
	Daily   Name = "daily"
	Monthly Name = "monthly"
)

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

	config  Config
	ca      *x509.CertPool // of API_CA, by which daily and monthly believe the api too
	process *process       // the one that is running, or ran last
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
	environment := append(os.Environ(), c.Env...)
	ca, err := config.ParseCA(valueOf(environment, "API_CA"))
	if err = errors.Join(err, requireVisible(environment)); err != nil {
		return nil, err
	}
	p := &Program{Name: name, config: c, ca: ca}
	if err := p.start(ctx, c.Env); err != nil {
		return nil, err
	}
	return p, nil
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
	setting := strings.ToUpper(string(p.Name)) + "_ADDR=" + p.process.output.address
	return p.start(ctx, append(p.config.Env[:len(p.config.Env):len(p.config.Env)], setting))
}

// Stop asks the program to stop and waits until it has. A program that does not within a minute is killed,
// and that is an error, as is any exit status but 0. A bad end is told once: not again after Stop, Kill or
// Wait.
func (p *Program) Stop() error {
	if err := p.process.signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping %s: %w", p.Name, err)
	}
	select {
	case <-p.process.ended:
	case <-time.After(stopTimeMax):
		return errors.Join(p.Kill(), fmt.Errorf("%s did not stop within %s and was killed", p.Name, stopTimeMax))
	}
	if p.process.err != nil && !p.process.known.Swap(true) {
		return fmt.Errorf("%s stopped, but not cleanly: %w", p.Name, p.process.fate())
	}
	return nil
}

// Kill ends the program at once with SIGKILL and waits until it is gone.
func (p *Program) Kill() error {
	p.process.known.Store(true)
	if err := p.process.signal(syscall.SIGKILL); err != nil {
		return fmt.Errorf("killing %s: %w", p.Name, err)
	}
	<-p.process.ended
	return nil
}

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

// start runs the binary in a process group of its own: a terminal sends its Ctrl-C to the whole foreground
// group, and it is for the parent to decide in which order its programs stop.
func (p *Program) start(ctx context.Context, env []string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeMax, fmt.Errorf("not ready within %s", startTimeMax))
	defer cancel()
	binary, err := filepath.Abs(filepath.Join(p.config.BinDir, string(p.Name)))
	if err != nil {
		return err
	}
	process := &process{
		cmd: exec.Command(binary, p.config.Args[p.Name]...), output: newOutput(p.Name, p.config.Out), ended: make(chan struct{}),
	}
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
	ask := p.Client().Healthy
	if p.Name == API {
		ask = p.Client().Ready // it listens while it still replays its journal
	}
	err := ask(ctx)
	var problem *api.Problem
	if errors.As(err, &problem) && problem.Code == meter.CodeNotReceiving {
		return nil
	}
	return err
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
