package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/tools/households"
	"meterledger/internal/tools/suite/programs"
	"meterledger/internal/tools/traffic"
	"meterledger/internal/tools/wire"
)

// server is a program under load, in a process of its own, which is stopped when the
// row has been measured.
type server struct {
	b       *bench
	program *programs.Program
	host    string // host:port
	folder  string // its own; empty for a floor
	settled atomic.Pointer[moments]
}

// moments are when an api's start came to its points.
type moments struct{ listening, ready time.Time }

// api starts an api on empty folders.
func (b *bench) api(ctx context.Context, env ...string) (*server, error) {
	folder, err := os.MkdirTemp(b.scratch, "api")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the api: %w", err)
	}
	s := &server{b: b, folder: folder}
	s.program, err = programs.StartProgram(ctx, programs.Config{BinDir: b.bin, Out: &startWatch{s: s}, Env: append([]string{
		"API_ADDR=127.0.0.1:0", "DATA_DIR=" + s.dataDir(), "ARCHIVE_DIR=" + s.archiveDir(),
		"TIMEZONE=" + b.zone.String(), "LOG_FORMAT=text", "LOG_LEVEL=info", "RATE_LIMIT=0",
	}, env...)}, programs.API)
	if err != nil {
		return nil, err
	}
	b.atEnd(s.stop)
	s.host = strings.TrimPrefix(s.program.URL, "http://")
	return s, nil
}

func (s *server) dataDir() string    { return filepath.Join(s.folder, "data") }
func (s *server) archiveDir() string { return filepath.Join(s.folder, "Archive") }

// floor starts the program of the floors. It gives one answer where ours would answer
// with what it knows.
func (b *bench) floor(ctx context.Context, a answer) (*server, error) {
	path, err := a.write(b.scratch)
	if err != nil {
		return nil, err
	}
	program, err := programs.StartProgram(ctx, programs.Config{BinDir: b.self, Out: b.log, Env: []string{
		"FLOOR_ADDR=127.0.0.1:0", "FLOOR_ANSWER=" + path, "LOG_LEVEL=info",
	}}, floorName)
	if err != nil {
		return nil, err
	}
	b.atEnd(program.Stop)
	return &server{b: b, program: program, host: strings.TrimPrefix(program.URL, "http://")}, nil
}

// stop stops the program and removes what it wrote.
func (s *server) stop() error { return errors.Join(s.program.Stop(), os.RemoveAll(s.folder)) }

// startWatch notes when the api says that it listens and that it is ready, and
// passes on what it says.
type startWatch struct {
	s  *server
	at moments
}

func (w *startWatch) Write(line []byte) (int, error) {
	switch {
	case bytes.Contains(line, []byte("msg=listening ")):
		w.at = moments{listening: time.Now()}
	case bytes.Contains(line, []byte("msg=ready ")):
		w.at.ready = time.Now()
		w.s.settled.Store(new(w.at))
	}
	return w.s.b.log.Write(line)
}

// traffic returns the traffic of some meters to the server, over the half hours from
// first on.
func (s *server) traffic(meters int, first meter.Slot, slots int) (*traffic.Traffic, error) {
	population, err := households.NewPopulation("m-", meters, s.b.zone, s.b.homes)
	if err != nil {
		return nil, err
	}
	return traffic.New(s.host, population, s.b.zone, first, slots), nil
}

// settle registers meters and sends all their readings, many at once.
func (s *server) settle(ctx context.Context, t *traffic.Traffic) error {
	if err := s.register(ctx, t); err != nil {
		return err
	}
	return s.fill(ctx, t)
}

// manyConnections is how many are used at once for what is not measured, and in the burst.
const manyConnections = 64

func (s *server) register(ctx context.Context, t *traffic.Traffic) error {
	return s.sendEach(ctx, t.Meters.Len(), t.AppendRegistration)
}

// sendEach sends n requests, any of them at any time, and wants a 200 for each.
func (s *server) sendEach(ctx context.Context, n int, request func([]byte, int) []byte) error {
	return s.each(ctx, n, func(c *wire.Conn, buffer []byte, i int) ([]byte, error) {
		buffer = request(buffer[:0], i)
		answer, err := c.Do(buffer, nil)
		if err == nil && answer.Status != http.StatusOK {
			err = fmt.Errorf("%.60q was answered %d %s", buffer, answer.Status, answer.Body)
		}
		return buffer, err
	})
}

// sendBodies sends all readings in bodies of some rows, any of them at any time, and
// wants each acknowledged.
func (s *server) sendBodies(ctx context.Context, t *traffic.Traffic, rows int) error {
	return s.each(ctx, (t.Len()+rows-1)/rows, func(c *wire.Conn, buffer []byte, i int) ([]byte, error) {
		n, m := i*rows, min((i+1)*rows, t.Len())
		buffer = csvBody(buffer, t, n, m)
		return buffer, postBody(c, t, buffer, m-n)
	})
}

// each does n things over some connections at once. What do returns is its buffer for
// the next.
func (s *server) each(ctx context.Context, n int, do func(c *wire.Conn, buffer []byte, i int) ([]byte, error)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(manyConnections, n) {
		group.Go(func() {
			c, err := wire.Dial(ctx, s.host)
			if err != nil {
				cancel(err)
				return
			}
			defer c.Close()
			var buffer []byte
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if buffer, err = do(c, buffer, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}
