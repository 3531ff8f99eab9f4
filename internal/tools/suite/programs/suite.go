// Package programs runs the programs of the suite as their users would: as processes, from their binaries,
// with settings from the environment. A program may pick a free port: its address is read from the log line
// with which it says where it listens. When Stop or Kill has returned, the process is gone and all its
// output is copied.
package programs

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"sync"
)

// Config says what to start and how.
type Config struct {
	BinDir string            // holds the binaries api, daily and monthly
	Etcd   string            // the binary of etcd, 3.6 or later: a path, or a name that PATH has; of a cluster only
	Env    []string          // settings such as DATA_DIR=data, added to this process's environment
	Args   map[Name][]string // each program's flags, which win over the environment; in a cluster also those of a kind
	// Out takes what the programs print, each line with its program's name in front and in one Write. Nil
	// drops it. Its errors are ignored: a program must not block because nobody reads its log.
	Out io.Writer
}

// Env returns the settings of programs of a tool's own: they listen on free ports, keep data and archives
// in folder, and run nothing on a schedule, whatever the environment says.
func Env(folder, timezone string) []string {
	return []string{
		"API_ADDR=127.0.0.1:0", "DAILY_ADDR=127.0.0.1:0", "MONTHLY_ADDR=127.0.0.1:0",
		"DATA_DIR=" + DataDir(folder), "ARCHIVE_DIR=" + ArchiveDir(folder), "TIMEZONE=" + timezone,
		"DAILY_SCHEDULE=off", "MONTHLY_SCHEDULE=off", "DAILY_HISTORY=off", "MONTHLY_HISTORY=off",
		"LOG_FORMAT=text", "LOG_LEVEL=info", "RATE_LIMIT=0", "AUTH=off", "TLS_CERT=", "TLS_KEY=", "TLS_CLIENT_CA=", "TRUSTED_PROXIES=", "API_TOKEN_FILE=",
	}
}

// DataDir is the data folder that Env sets.
func DataDir(folder string) string { return filepath.Join(folder, "data") }

// ArchiveDir is the archive folder that Env sets.
func ArchiveDir(folder string) string { return filepath.Join(folder, "Archive") }

// Suite is the three programs. It is safe for concurrent use, except to restart a program.
type Suite struct {
	API, Daily, Monthly *Program
}

// Start starts the api and, once that takes readings, daily and monthly with its address. When it returns,
// all three answer. If one does not come up, or ctx ends first, it stops the others again.
func Start(ctx context.Context, c Config) (*Suite, error) {
	if c.Out != nil {
		c.Out = &oneAtATime{out: c.Out}
	}
	s := &Suite{}
	if err := s.start(ctx, c); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Suite) start(ctx context.Context, c Config) (err error) {
	if s.API, err = StartProgram(ctx, c, API); err != nil {
		return err
	}
	c.Env = append(c.Env[:len(c.Env):len(c.Env)], "API_URL="+s.API.URL)
	if s.Daily, err = StartProgram(ctx, c, Daily); err != nil {
		return err
	}
	s.Monthly, err = StartProgram(ctx, c, Monthly)
	return err
}

// Stop stops the programs as Program.Stop does, the api last, so that maintenance can still end.
func (s *Suite) Stop() error {
	var errs []error
	for _, p := range []*Program{s.Monthly, s.Daily, s.API} {
		if p != nil {
			errs = append(errs, p.Stop())
		}
	}
	return errors.Join(errs...)
}

// Kill ends every program at once, as a power cut would.
func (s *Suite) Kill() error { return errors.Join(s.Monthly.Kill(), s.Daily.Kill(), s.API.Kill()) }

// Wait returns nil when ctx ends, or an error that names the first program that ended by itself.
func (s *Suite) Wait(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	first := make(chan error, 3)
	for _, p := range []*Program{s.API, s.Daily, s.Monthly} {
		go func() { first <- p.Wait(ctx) }()
	}
	return <-first
}

// oneAtATime lets several programs write to one writer.
type oneAtATime struct {
	mu  sync.Mutex // guards out
	out io.Writer
}

func (w *oneAtATime) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(b)
}
