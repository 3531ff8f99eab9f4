package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dsnet/try"

	"meterledger/api"
	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/households"
	"meterledger/internal/tools/suite/programs"
	"meterledger/internal/tools/witness"
)

// server is a program under load, in a process of its own until the row has been measured.
type server struct {
	b       *bench
	program *programs.Program
	pids    []int              // of its first processes
	host    string             // host:port
	hosts   []string           // of several nodes, between which connections are shared out; nil for one
	folder  string             // its own; empty for a floor
	header  string             // lines of every request: the credential, where one is asked for
	replays chan time.Duration // of an api: how long each start took from listening to being ready
}

// api starts an api on empty folders.
func (b *bench) api(env ...string) *server {
	s := &server{b: b, folder: try.E1(os.MkdirTemp(b.scratch, "api")), replays: make(chan time.Duration, 1)}
	s.program = try.E1(programs.StartProgram(b.ctx, programs.Config{
		BinDir: b.bin, Out: &startTimer{out: b.log, replays: s.replays}, Env: append(programs.Env(s.folder, b.zone.String()), env...),
	}, programs.API))
	b.atEnd(func() error { return errors.Join(s.program.Stop(), os.RemoveAll(s.folder)) })
	<-s.replays
	s.pids, s.host = []int{s.program.PID()}, s.program.Host()
	if token, err := os.ReadFile(filepath.Join(programs.DataDir(s.folder), "operator.token")); err == nil {
		s.header = "Authorization: Bearer " + strings.TrimSpace(string(token)) + "\r\n"
	}
	return s
}

// restart starts the api again, and returns how long it replayed.
func (s *server) restart() time.Duration {
	try.E(s.program.Restart(s.b.ctx))
	return <-s.replays
}

// startTimer measures how long an api takes from listening to being ready, and passes on what it says.
type startTimer struct {
	out       io.Writer
	replays   chan<- time.Duration
	listening time.Time
}

func (w *startTimer) Write(line []byte) (int, error) {
	switch {
	case bytes.Contains(line, []byte("msg=listening ")):
		w.listening = time.Now()
	case bytes.Contains(line, []byte("msg=ready ")):
		w.replays <- time.Since(w.listening)
	}
	return w.out.Write(line)
}

// floor starts the program of the floors, which gives one answer to all questions.
func (b *bench) floor(answer []byte) *server {
	file := try.E1(os.CreateTemp(b.scratch, "answer"))
	try.E1(file.Write(answer))
	try.E(file.Close())
	program := try.E1(programs.StartProgram(b.ctx, programs.Config{BinDir: b.tools, Out: b.log, Env: []string{
		"FLOOR_ADDR=127.0.0.1:0", "FLOOR_ANSWER=" + file.Name(), "LOG_LEVEL=info",
	}}, "floor"))
	b.atEnd(program.Stop)
	return &server{b: b, program: program, pids: []int{program.PID()}, host: program.Host()}
}

// noAnswer is for floors that are not asked for one.
var noAnswer = []byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

// answerTo returns what ours answers, for a floor to answer the same.
func (s *server) answerTo(request []byte) (answer []byte, body int) {
	c := try.E1(net.Dial("tcp", s.host))
	defer c.Close()
	try.E1(c.Write(request))
	response := try.E1(http.ReadResponse(bufio.NewReader(c), nil))
	response.Header.Del("Date") // the server writes its own
	answer = try.E1(httputil.DumpResponse(response, true))
	if response.StatusCode != http.StatusOK {
		try.E(fmt.Errorf("%.100q was answered %s", request, answer))
	}
	_, text, _ := bytes.Cut(answer, []byte("\r\n\r\n"))
	return answer, len(text)
}

// traffic returns the traffic of some meters to the server, over the half hours from first on.
func (s *server) traffic(meters int, first meter.Slot, slots int) *households.Traffic {
	return s.trafficOf("m-", meters, first, slots)
}

// trafficOf is the same of meters whose ids begin with a prefix.
func (s *server) trafficOf(prefix string, meters int, first meter.Slot, slots int) *households.Traffic {
	t := households.NewTraffic(s.host, try.E1(households.NewPopulation(prefix, meters, s.b.zone, s.b.homes)), s.b.zone, first, slots)
	t.Header = s.header
	return t
}

// manyConnections is how many are used at once for what is not measured, and in the burst.
const manyConnections = 64

// callers are as many as n things need.
func (s *server) callers(n int) []*caller.Caller {
	return caller.Several(min(manyConnections, n), caller.Caller{Host: s.host, Header: s.header, Impatient: true})
}

func (s *server) register(t *households.Traffic) {
	try.E(caller.RegisterAll(s.b.ctx, s.callers(t.Meters.Len()), t))
}

// bodyRows is how many readings are sent together if that is not measured.
const bodyRows = 100_000

// fill sends all readings over one connection.
func (s *server) fill(t *households.Traffic) { try.E1(s.sendAll(s.b.ctx, t, bodyRows)) }

// settle registers meters and sends all their readings, many at once.
func (s *server) settle(t *households.Traffic) {
	s.register(t)
	s.fill(t)
}

// sendAll sends readings until ctx ends, each body while the next is written, and returns how many.
func (s *server) sendAll(ctx context.Context, t *households.Traffic, rows int) (sent int, err error) {
	written := make(chan []byte)
	writing, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer close(written)
		var bodies [2][]byte // one is sent while the other is written
		for i, n := 0, 0; n < t.Len(); i, n = 1-i, n+rows {
			bodies[i] = csvBody(bodies[i], t, n, min(n+rows, t.Len()))
			select {
			case written <- bodies[i]:
			case <-writing.Done():
				return
			}
		}
	}()
	c := &caller.Caller{Host: s.host, Header: s.header, Impatient: true}
	defer c.Close()
	for body := range written {
		n := min(rows, t.Len()-sent)
		if err := postBody(s.b.ctx, c, csv, body, n); err != nil {
			return sent, err
		}
		sent += n
	}
	return sent, nil
}

// csvBody writes readings from n to m, m not included, as one body.
func csvBody(b []byte, t *households.Traffic, n, m int) []byte {
	b = append(b[:0], witness.CSVHeader+"\n"...)
	for ; n < m; n++ {
		b = t.AppendRow(b, n)
	}
	return b
}

// postBody posts one body, and wants each of its rows accepted.
func postBody(ctx context.Context, c *caller.Caller, contentType string, body []byte, rows int) error {
	answer, err := c.PostBody(ctx, "/receive_meter_readings", contentType, body)
	if err != nil {
		return err
	}
	var verdict api.BatchResult
	if err := answer.Into("a body of readings", &verdict); err != nil {
		return err
	}
	if verdict.Accepted != rows {
		return fmt.Errorf("a body of %d readings was answered %s", rows, answer)
	}
	return nil
}
