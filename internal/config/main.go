package config

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// Main is the whole of a program's main: it calls run with the arguments after
// the program's name, prints its error as one line and exits.
//
// The first SIGINT or SIGTERM cancels the context, and run finishes what it has
// accepted; a second one ends the process at once. The exit code is 0 when all
// went well, 2 for a wrong setting, 1 for anything else.
func Main(program string, run func(ctx context.Context, args []string) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // gives the second signal its default action
	err := run(ctx, os.Args[1:])
	stop()
	os.Exit(report(program, err, os.Stderr))
}

// report prints err where there is anything to say, and returns the exit code.
func report(program string, err error, stderr io.Writer) int {
	if err == nil || errors.Is(err, flag.ErrHelp) || errors.Is(err, ErrVersion) {
		return 0
	}
	line := strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
	fmt.Fprintf(stderr, "%s: %s\n", program, line)
	var wrong *SettingError
	if errors.As(err, &wrong) {
		return 2
	}
	return 1
}
