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

// Main is a program's whole main: it calls run with the arguments after the program's name,
// prints its error as one line, and exits.
//
// The first SIGINT or SIGTERM cancels the context, and run finishes what it has accepted; a
// second one ends the process at once. The exit code is 0 for success, 2 for a wrong
// setting, 1 for any other error.
func Main(program string, run func(ctx context.Context, args []string) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so that a second signal has its default action
	err := run(ctx, os.Args[1:])
	stop()
	os.Exit(report(program, err, os.Stderr))
}

// report prints err, unless it asks for nothing more, and returns the exit code.
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
