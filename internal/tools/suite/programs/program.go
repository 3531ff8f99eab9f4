package programs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Name is a program's name: that of its binary and of its column in the log.
type Name string

// The three programs.
const (
	API     Name = "api"
	Daily   Name = "daily"
	Monthly Name = "monthly"
)

// The bounds of waiting for a program. An api with a long journal takes its
// time to start, and may have much to finish before it stops.
const (
	startTimeMax = 5 * time.Minute
	stopTimeMax  = time.Minute
)

// Program is one running program.
type Program struct {
	Name Name
	URL  string // where it answers, such as http://127.0.0.1:41377; Restart keeps it

	config  Config
	process *process // the one that is running, or ran last
}

// StartProgram starts one program and returns once it answers: the api when its
// readings are replayed, the others when their page is up. On an error nothing
// is left running.
func StartProgram(ctx context.Context, c Config, name Name) (*Program, error) {
	if err := requireVisible(append(os.Environ(), c.Env...)); err != nil {
		return nil, err
	}
	p := &Program{Name: name, config: c}
	if err := p.start(ctx, c.Env); err != nil {
		return nil, err
	}
	return p, nil
}

// Restart stops the program where it still runs, and starts it again at the
// same address and with the same settings.
func (p *Program) Restart(ctx context.Context) error {
	if err := p.Stop(); err != nil {
		return err
	}
	setting := strings.ToUpper(string(p.Name)) + "_ADDR=" + p.process.output.address
	return p.start(ctx, append(p.config.Env[:len(p.config.Env):len(p.config.Env)], setting))
}

// Stop asks the program to stop and waits until it has. A program that does not
// within a minute is killed, and that is an error, as is any exit status but 0.
// A bad end is told once: not again after Stop, Kill or Suite.Wait.
func (p *Program) Stop() error {
	if err := p.process.signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping %s: %w", p.Name, err)
	}
	select {
	case <-p.process.ended:
	case <-time.After(stopTimeMax):
		if err := p.Kill(); err != nil {
			return err
		}
		return fmt.Errorf("%s did not stop within %s and was killed", p.Name, stopTimeMax)
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

// Wait returns nil when ctx ends, or before that an error that says how the program
// ended by itself.
func (p *Program) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-p.process.ended:
		p.process.known.Store(true)
		return fmt.Errorf("%s ended by itself: %w", p.Name, p.process.fate())
	}
}

func (p *Program) start(ctx context.Context, env []string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeMax,
		fmt.Errorf("not ready within %s", startTimeMax))
	defer cancel()
	binary, err := filepath.Abs(filepath.Join(p.config.BinDir, string(p.Name)))
	if err != nil {
		return fmt.Errorf("finding %s: %w", p.Name, err)
	}
	process, err := startProcess(binary, p.config.Args[p.Name], env, newOutput(p.Name, p.config.Out))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("starting %s: %w: run go build -o DIR ./cmd/... first", p.Name, err)
	}
	if err != nil {
		return fmt.Errorf("starting %s: %w", p.Name, err)
	}
	p.process = process
	if err := p.awaitAnswer(ctx); err != nil {
		_ = p.Kill() // the reason why it did not come up is the one to tell
		return fmt.Errorf("%s did not start: %w", p.Name, err)
	}
	return nil
}

func (p *Program) awaitAnswer(ctx context.Context) error {
	select {
	case <-p.process.output.listening:
	case <-p.process.ended:
		return p.process.fate()
	case <-ctx.Done():
		return fmt.Errorf("waiting for the log line that says where it listens: %w", context.Cause(ctx))
	}
	p.URL = baseURL(p.process.output.address)
	return awaitReady(ctx, p.URL+p.Name.readyPath(), p.process)
}

func (n Name) readyPath() string {
	if n == API {
		return "/readyz" // it listens while it still replays its journal
	}
	return "/healthz"
}
