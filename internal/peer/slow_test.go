package peer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"meterledger/internal/cluster"
	"meterledger/internal/httpkit"
)

// pipes is a listener whose connections have no buffer: what nobody takes stands still. It keeps to the
// clock of a synctest bubble.
type pipes struct {
	connections chan net.Conn
	closed      chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.connections:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	p.connections <- theirs
	return ours, nil
}

// endless is a node that hands out batches and a snapshot without an end, and counts who is at it.
type endless struct {
	journalOf
	busy atomic.Int32
}

func (e *endless) Batches(_ uint64, take func([]byte) error) (err error) {
	e.busy.Add(1)
	defer e.busy.Add(-1)
	for batch := make([]byte, 10_000); err == nil; {
		err = take(batch)
	}
	return err
}

func (e *endless) OpenSnapshot() (io.ReadCloser, int64, error) {
	e.busy.Add(1)
	return endlessFile{e}, 1 << 60, nil
}

type endlessFile struct{ of *endless }

func (endlessFile) Read(b []byte) (int, error) { return len(b), nil }

func (f endlessFile) Close() error {
	f.of.busy.Add(-1)
	return nil
}

func TestWhoDoesNotTakeAStreamHoldsNothingForEver(t *testing.T) {
	for _, path := range []string{"/journal?after=1", "/snapshot"} {
		for _, rate := range []int{0, 1 << 10} {
			t.Run(fmt.Sprintf("%s at %d bytes a second", path, rate), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n, l := new(endless), newPipes()
					serve(t, &httpkit.Listener{Listener: l}, n)
					c, _ := l.dial(t.Context(), "", "")
					defer c.Close()
					if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
					if n.busy.Load() != 1 {
						t.Fatal("nothing is sent")
					}
					for piece, began := make([]byte, rate), time.Now(); time.Since(began) < time.Minute; time.Sleep(time.Second) {
						if _, err := io.ReadFull(c, piece); err != nil {
							break
						}
					}
					synctest.Wait()
					if n.busy.Load() != 0 {
						t.Error("it is being sent after a minute")
					}
				})
			})
		}
	}
}

func TestAProposalThatHaltsHoldsNothingForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, l := new(proposed), newPipes()
		serve(t, &httpkit.Listener{Listener: l}, n)
		c, _ := l.dial(t.Context(), "", "")
		defer c.Close()
		body := encodeProposal(someProposal)
		if _, err := fmt.Fprintf(c, "POST /propose HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:len(body)-1]); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || answer.StatusCode != http.StatusRequestTimeout || time.Since(began) > time.Minute || n.count.Load() > 0 {
			t.Errorf("after %v it is answered %+v, %v", time.Since(began), answer, err)
		}
	})
}

// silentNode answers each request with what write writes, and nothing more.
func silentNode(t *testing.T, write func(net.Conn)) *Peers {
	l := newPipes()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					write(c)
					_, _ = io.Copy(io.Discard, c) // until the other end closes
				}
				c.Close()
			}()
		}
	}()
	p := NewPeers(nil)
	p.dial = l.dial
	t.Cleanup(func() {
		p.Close()
		l.Close()
	})
	return p
}

func TestANodeFromWhichNothingComesIsNotWaitedForForEver(t *testing.T) {
	const begin = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
	for name, tt := range map[string]struct {
		write func(net.Conn)
		want  time.Duration
	}{
		"no answer":            {func(net.Conn) {}, answerMax},
		"half a header":        {func(c net.Conn) { io.WriteString(c, begin[:20]) }, answerMax},
		"a header":             {func(c net.Conn) { io.WriteString(c, begin) }, silenceMax},
		"some of it":           {func(c net.Conn) { io.WriteString(c, begin+"\x00\x00\x01\x00some") }, silenceMax},
		"some of it, steadily": {func(c net.Conn) { drip(c, begin, "\x00\x00\x01\x00some more") }, 13*dripEvery + silenceMax},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := silentNode(t, tt.write)
				for method, ask := range map[string]func() error{
					"Batches":  func() error { return p.Batches(t.Context(), at("b", "b:1"), 1, nil) },
					"Snapshot": func() error { return p.Snapshot(t.Context(), at("b", "b:1"), io.Discard) },
				} {
					began := time.Now()
					if err := ask(); !errors.Is(err, errSilent) || time.Since(began) != tt.want {
						t.Errorf("%s returns %v after %v", method, err, time.Since(began))
					}
				}
			})
		})
	}
}

const dripEvery = silenceMax * 9 / 10

// drip writes a header, and then a byte now and then: it is slow and not silent.
func drip(c net.Conn, header, text string) {
	_, _ = io.WriteString(c, header)
	for _, b := range []byte(text) {
		time.Sleep(dripEvery)
		_, _ = c.Write([]byte{b})
	}
}

func TestWhatIsDoneWithABatchMayTakeLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := silentNode(t, func(c net.Conn) {
			var b bytes.Buffer
			for range 3 {
				_ = writeBatch(&b, make([]byte, 100_000)) // what the reader has not asked for is not there yet
			}
			_ = writeEnd(&b)
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", b.Len(), &b)
		})
		count := 0
		err := p.Batches(t.Context(), at("b", "b:1"), 1, func([]byte) error {
			count++
			time.Sleep(time.Hour)
			return nil
		})
		if err != nil || count != 3 {
			t.Errorf("%d batches come, %v", count, err)
		}
	})
}

func TestACallEndsWithItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := silentNode(t, func(net.Conn) {})
		ctx, end := context.WithTimeout(t.Context(), time.Second)
		defer end()
		began := time.Now()
		err := p.Propose(ctx, cluster.Proposal{To: cluster.Leader{Node: at("b", "b:1")}, Payload: []byte("payload")})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("after %v it returns %v", time.Since(began), err)
		}
	})
}
