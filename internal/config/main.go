package config

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// Main is a program's whole main: it loads the settings, calls run, logs its error as one
// line, and exits.
//
// The first SIGINT or SIGTERM cancels the context, and run finishes what it has accepted; a
// second one ends the process at once. The exit code is 0 for success, 2 for a wrong
// setting, 1 for any other error. What the program creates, only its user can read.
func Main[S interface{ Logger(io.Writer) *slog.Logger }](
	load func(args []string, getenv func(string) string, out io.Writer) (S, error),
	run func(ctx context.Context, settings S, log *slog.Logger) error,
) {
	keepPrivate()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so that a second signal has its default action
	settings, err := load(os.Args[1:], os.Getenv, os.Stdout)
	log := settings.Logger(os.Stderr)
	outliveTerminal(log)
	if err == nil {
		err = run(ctx, settings, log)
	}
	stop()
	os.Exit(report(log, err))
}

// outliveTerminal lets the program go on when its terminal, or who reads its log, has gone.
// It says so once; nohup has said it already.
func outliveTerminal(log *slog.Logger) {
	signal.Ignore(syscall.SIGPIPE)
	if signal.Ignored(syscall.SIGHUP) {
		return
	}
	gone := make(chan os.Signal, 1)
	signal.Notify(gone, syscall.SIGHUP)
	go func() { // for as long as the process lives
		<-gone
		log.Info("SIGHUP does not end the program, nor reload anything; SIGTERM ends it")
	}()
}

// report logs err, unless it asks for nothing more, and returns the exit code.
func report(log *slog.Logger, err error) int {
	if err == nil || errors.Is(err, flag.ErrHelp) || errors.Is(err, ErrVersion) {
		return 0
	}
	code := 1
	var wrong *SettingError
	if errors.As(err, &wrong) {
		code = 2
	}
	line := strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
	log.Error("the program ends", "error", line, "exit_code", code)
	return code
}
