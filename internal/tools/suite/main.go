// Suite runs the three programs together for development: one log, each line
// with its program's name in front, and one Ctrl-C that stops all three.
//
//	go run ./internal/tools/suite -bin DIR
//
// The environment is passed through, so API_ADDR, DATA_DIR and all the other
// settings work as they do for the programs themselves. Only API_URL is set: to
// wherever the api of this suite listens. Where one program ends by itself the
// others are stopped, and the exit status is not zero.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"meterledger/internal/tools/suite/programs"
)

// prefix aligns this program's own lines with those of the others.
const prefix = programs.Name("suite")

func main() { programs.Main("suite", run) }

// run starts the suite, and stops it when ctx ends or one program does.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("suite", flag.ContinueOnError)
	flags.SetOutput(stderr)
	bin := flags.String("bin", "bin", "folder that holds the binaries api, daily and monthly")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: -bin is the only setting, the rest is environment", flags.Arg(0))
	}
	suite, err := programs.Start(ctx, programs.Config{BinDir: *bin, Out: stdout})
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
func stop(suite *programs.Suite, stdout io.Writer) error {
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
	_, _ = fmt.Fprintf(out, programs.Prefix(prefix)+format+"\n", args...)
}

// local writes an address the way people type it.
func local(url string) string { return strings.Replace(url, "//127.0.0.1:", "//localhost:", 1) }
