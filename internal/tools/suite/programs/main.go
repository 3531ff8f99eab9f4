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
// closed terminal (SIGHUP) and a closed pipe (SIGPIPE) too, ends the context of
// run, so that the programs are not left running without a parent.
func Main(tool string, run func(ctx context.Context, args []string, stdout, stderr io.Writer) error) {
	ctx, release := signal.NotifyContext(context.Background(),
		syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	release()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", tool, err)
		os.Exit(1)
	}
}
