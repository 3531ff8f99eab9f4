// Package wire speaks just enough HTTP/1.1 to put load on a server: whole requests
// that the caller wrote beforehand, over one connection that is kept, and of the
// answers what a load generator looks at. It allocates nothing per request, so
// that on a machine which the server shares the generator takes little of it.
//
// It understands what the programs of this project send. Whatever else comes is an
// error, and the connection is of no use after one.
package wire

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// The limits of an answer.
const (
	lineBytesMax = 4 << 10
	bodyBytesMax = 64 << 20
)

// Conn is one connection to a server. It is used by one goroutine at a time.
type Conn struct {
	net  net.Conn
	in   *bufio.Reader
	body []byte
}

// Answer is what a server said.
type Answer struct {
	Status     int
	RetryAfter time.Duration // 0 where the answer names none
	Body       []byte        // valid until the connection's next request
}

// Dial connects to host:port.
func Dial(ctx context.Context, address string) (*Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", address, err)
	}
	return NewConn(c), nil
}

// NewConn speaks over a connection that is there, and closes it in the end.
func NewConn(c net.Conn) *Conn { return &Conn{net: c, in: bufio.NewReaderSize(c, lineBytesMax)} }

// SetDeadline limits how long requests may take from now on.
func (c *Conn) SetDeadline(t time.Time) error { return c.net.SetDeadline(t) }

// Close closes the connection.
func (c *Conn) Close() error { return c.net.Close() }

// Do sends one request, and reads its answer. The body may be nil: what there is of
// one then stands in the request.
func (c *Conn) Do(request, body []byte) (Answer, error) {
	if err := c.write(request, body); err != nil {
		return Answer{}, fmt.Errorf("sending a request: %w", err)
	}
	answer, err := c.read()
	if err != nil {
		return Answer{}, fmt.Errorf("reading an answer: %w", err)
	}
	return answer, nil
}

func (c *Conn) write(request, body []byte) error {
	if len(body) == 0 {
		_, err := c.net.Write(request)
		return err
	}
	both := net.Buffers{request, body}
	_, err := both.WriteTo(c.net)
	return err
}

var (
	errNotHTTP  = errors.New("this is not HTTP/1.1")
	errTooLong  = fmt.Errorf("the answer is longer than %d bytes", bodyBytesMax)
	errNoLength = errors.New("the answer does not say where it ends")
)

func (c *Conn) read() (Answer, error) {
	line, err := c.line()
	if err != nil {
		return Answer{}, err
	}
	var a Answer
	version, rest, _ := bytes.Cut(line, []byte(" "))
	if a.Status, err = number(rest[:min(3, len(rest))], 10); err != nil || string(version) != "HTTP/1.1" {
		return Answer{}, errNotHTTP
	}
	h, err := c.header()
	if err != nil {
		return Answer{}, err
	}
	a.RetryAfter = h.retryAfter
	switch {
	case h.chunked:
		err = c.chunks()
	case h.length >= 0:
		c.body = c.body[:0]
		err = c.take(h.length)
	default:
		err = errNoLength
	}
	a.Body = c.body
	return a, err
}

// header is what is looked at in an answer's header.
type header struct {
	length     int // of the body; below zero where it is not said
	chunked    bool
	retryAfter time.Duration
}

func (c *Conn) header() (header, error) {
	h := header{length: -1}
	for {
		line, err := c.line()
		if err != nil || len(line) == 0 {
			return h, err
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		// These are the spellings of net/http.
		switch string(name) {
		case "Content-Length":
			if h.length, err = number(value, 10); err != nil {
				return h, err
			}
		case "Transfer-Encoding":
			h.chunked = string(value) == "chunked"
		case "Retry-After":
			seconds, err := number(value, 10)
			if err != nil {
				return h, err
			}
			h.retryAfter = time.Duration(seconds) * time.Second
		}
	}
}

// line reads a line, which is only valid until the next one.
func (c *Conn) line() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

func number(b []byte, base int) (int, error) {
	n, err := strconv.ParseUint(string(b), base, 31)
	if err != nil {
		return 0, errNotHTTP
	}
	return int(n), nil
}

// take adds n bytes to the body.
func (c *Conn) take(n int) error {
	if len(c.body)+n > bodyBytesMax {
		return errTooLong
	}
	start := len(c.body)
	c.body = append(c.body, make([]byte, n)...)
	_, err := io.ReadFull(c.in, c.body[start:])
	return err
}

func (c *Conn) chunks() error {
	for c.body = c.body[:0]; ; {
		line, err := c.line()
		if err != nil {
			return err
		}
		size, err := number(line, 16)
		if err != nil {
			return err
		}
		if err := c.take(size); err != nil {
			return err
		}
		if line, err = c.line(); err != nil || len(line) > 0 {
			return errors.Join(err, errNotHTTP)
		}
		if size == 0 {
			return nil
		}
	}
}
