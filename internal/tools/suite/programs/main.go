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

// Main is the main of a tool that starts programs. Whatever ends the tool early, a closed terminal
// (SIGHUP) and a closed pipe for its output included, ends the context of run, so that the programs are
// not left running without a parent.
func Main(tool string, run func(ctx context.Context, args []string, stdout, stderr io.Writer) error) {
	// SIGPIPE does not say which pipe: a request to a program that was killed raises it too.
	signal.Ignore(syscall.SIGPIPE)
	ctx, release := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	ctx, stop := context.WithCancel(ctx)
	err := run(ctx, os.Args[1:], &stoppingWriter{os.Stdout, stop}, os.Stderr)
	stop()
	release()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", tool, err)
		os.Exit(1)
	}
}

// stoppingWriter calls stop when its output cannot be written any more.
type stoppingWriter struct {
	out  io.Writer
	stop func()
}

func (w *stoppingWriter) Write(b []byte) (int, error) {
	n, err := w.out.Write(b)
	if err != nil {
		w.stop()
	}
	return n, err
}

// NewFlags returns a tool's flags, whose help goes to out. Only the caller of Parse prints their errors.
func NewFlags(tool, about string, out io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet(tool, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {
		fmt.Fprintf(out, "%s: %s\n\n", tool, about)
		f.SetOutput(out)
		f.PrintDefaults()
	}
	return f
}

// Parse reads a tool's flags; an argument that is no flag is an error.
func Parse(f *flag.FlagSet, args []string) error {
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: every setting is a flag, -h lists them", f.Arg(0))
	}
	return nil
}
