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
	"text/tabwriter"
)

// Main is the main of a tool that starts programs. Whatever ends the tool early, a closed terminal
// (SIGHUP) and a closed pipe for what it prints too, ends the context of run, so that the programs are not
// left running without a parent.
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

// Flags are the settings of a tool.
type Flags struct {
	*flag.FlagSet

	More func(table io.Writer) // writes what else stands in the help, if anything
}

// NewFlags returns flags whose help goes to out. What is wrong with a flag is told once, by whoever
// parses.
func NewFlags(tool, about string, out io.Writer) *Flags {
	f := &Flags{FlagSet: flag.NewFlagSet(tool, flag.ContinueOnError)}
	f.SetOutput(io.Discard)
	f.Usage = func() {
		fmt.Fprintf(out, "%s: %s\n\n", tool, about)
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "  FLAG\tDEFAULT\tMEANING")
		f.VisitAll(func(f *flag.Flag) { fmt.Fprintf(table, "  -%s\t%s\t%s\n", f.Name, f.DefValue, f.Usage) })
		if f.More != nil {
			f.More(table)
		}
		table.Flush()
	}
	return f
}

// Parse reads the flags; what is no flag is an error.
func (f *Flags) Parse(args []string) error {
	if err := f.FlagSet.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: every setting is a flag, -h lists them", f.Arg(0))
	}
	return nil
}
