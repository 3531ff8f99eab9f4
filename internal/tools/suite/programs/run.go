package programs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
)

// prefix aligns this program's own lines with those of the others.
const prefix = Name("suite")

// Run is the tool suite: it starts the suite, and stops it when ctx ends or one program does.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := NewFlags("suite", "runs api, daily and monthly together; their settings are those of the environment", stderr)
	bin := flags.String("bin", "bin", "folder that holds the binaries api, daily and monthly")
	if err := flags.Parse(args); err != nil {
		return err
	}
	suite, err := Start(ctx, Config{BinDir: *bin, Out: stdout})
	if err != nil {
		if ctx.Err() != nil {
			return nil // it was stopped while it started
		}
		return err
	}
	say(stdout, "ready: %s/docs  daily: %s/docs  monthly: %s/docs  Ctrl-C stops all three",
		local(suite.API.URL), local(suite.Daily.URL), local(suite.Monthly.URL))
	err = suite.Wait(ctx)
	return errors.Join(err, stop(suite, stdout))
}

// stop waits until all programs have stopped. A Ctrl-C meanwhile is the second
// one: its user does not want to wait.
func stop(suite *Suite, stdout io.Writer) error {
	again := make(chan os.Signal, 1)
	signal.Notify(again, os.Interrupt)
	defer signal.Stop(again)
	say(stdout, "stopping all three; Ctrl-C again kills them")
	stopped := make(chan error, 1)
	go func() { stopped <- suite.Stop() }()
	select {
	case err := <-stopped:
		return err
	case <-again:
		return errors.Join(errors.New("killed by a second Ctrl-C"), suite.Kill(), <-stopped)
	}
}

func say(out io.Writer, format string, args ...any) {
	// A line that nobody can read is no reason to stop.
	_, _ = fmt.Fprintf(out, Prefix(prefix)+format+"\n", args...)
}

// local writes an address the way people type it.
func local(url string) string { return strings.Replace(url, "//127.0.0.1:", "//localhost:", 1) }
