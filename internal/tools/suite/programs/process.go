package programs

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
)

// process is one run of a program.
type process struct {
	cmd    *exec.Cmd
	output *output
	ended  chan struct{} // closed when the process is gone and its output is copied
	err    error         // why it ended; to be read once ended is closed
	known  atomic.Bool   // its end was wanted, or has been told
}

// startProcess runs a binary in a process group of its own: a terminal sends
// its Ctrl-C to the whole foreground group, and it is for the parent to decide
// in which order its programs stop.
func startProcess(binary string, args, env []string, out *output) (*process, error) {
	p := &process{cmd: exec.Command(binary, args...), output: out, ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go p.reap()
	return p, nil
}

// reap ends when the process does.
func (p *process) reap() {
	p.err = p.cmd.Wait()
	p.output.flush()
	close(p.ended)
}

// signal is no error for a process that is gone.
func (p *process) signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// fate says how a process ended, with the last line it printed: programs end
// with the line that names the trouble.
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
