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

// Run is the tool suite: it starts the suite, and stops it when ctx ends or one program does. With -nodes it
// starts a cluster, of which any program may end, and takes commands from the standard input.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := NewFlags("suite", "runs api, daily and monthly together; their settings are those of the environment", stderr)
	var c ClusterConfig
	flags.StringVar(&c.BinDir, "bin", "bin", "folder that holds the binaries api, daily and monthly")
	flags.IntVar(&c.Nodes, "nodes", 0, "run so many apis on one order, and as many members of the etcd that keeps it")
	flags.StringVar(&c.Etcd, "etcd", "bin/tools/etcd", "with -nodes: the binary of etcd, 3.6 or later")
	flags.StringVar(&c.Folder, "dir", ".cluster", "with -nodes: folder of all programs, kept from one run to the next")
	if err := Parse(flags, args); err != nil {
		return err
	}
	c.Out = stdout
	if c.Nodes > 0 {
		return runCluster(ctx, c, os.Stdin, stdout)
	}
	suite, err := Start(ctx, c.Config)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	say(stdout, "ready: %s/  daily: %s/  monthly: %s/  Ctrl-C stops all three",
		local(suite.API.URL), local(suite.Daily.URL), local(suite.Monthly.URL))
	err = suite.Wait(ctx)
	return errors.Join(err, stop(suite, "all three", stdout))
}

// unlessStopped is the error of a start, but for one that was given up.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// stop waits until all programs have stopped, or a second Ctrl-C kills them.
func stop(programs interface {
	Stop() error
	Kill() error
}, all string, stdout io.Writer,
) error {
	again := make(chan os.Signal, 1)
	signal.Notify(again, os.Interrupt)
	defer signal.Stop(again)
	say(stdout, "stopping %s; Ctrl-C again kills them", all)
	stopped := make(chan error, 1)
	go func() { stopped <- programs.Stop() }()
	select {
	case err := <-stopped:
		return err
	case <-again:
		return errors.Join(errors.New("killed by a second Ctrl-C"), programs.Kill(), <-stopped)
	}
}

func say(out io.Writer, format string, args ...any) {
	// A line that nobody can read is no reason to stop.
	_, _ = fmt.Fprintf(out, linePrefix("suite")+format+"\n", args...)
}

// local writes an address the way people type it.
func local(url string) string { return strings.Replace(url, "//127.0.0.1:", "//localhost:", 1) }
