package programs

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Main is the main of a tool that starts programs. Whatever ends the tool early, a
// closed terminal (SIGHUP) and a closed pipe for what it prints too, ends the
// context of run, so that the programs are not left running without a parent.
func Main(tool string, run func(ctx context.Context, args []string, stdout, stderr io.Writer) error) {
	// SIGPIPE does not say which pipe: a request to a program that was killed gives it too.
	signal.Ignore(syscall.SIGPIPE)
	ctx, release := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	ctx, stop := context.WithCancel(ctx)
	err := run(ctx, os.Args[1:], &watched{os.Stdout, stop}, os.Stderr)
	stop()
	release()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", tool, err)
		os.Exit(1)
	}
}

// watched is an output that says when it cannot be written any more.
type watched struct {
	out    io.Writer
	broken func()
}

func (w *watched) Write(b []byte) (int, error) {
	n, err := w.out.Write(b)
	if err != nil {
		w.broken()
	}
	return n, err
}
