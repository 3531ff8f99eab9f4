// Package caller is how the tools call the api: as meters and apps do, knowing nothing
// of it but its address, over connections that are kept. A caller does not give up: an
// answer of "not now", or none, is followed by the same request again, later and later.
//
// On a machine that the api shares a caller must be cheap, so a connection sends whole
// requests that were written beforehand and allocates nothing for them.
package caller

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// The limits of an answer.
const (
	headerBytesMax = 4 << 10
	bodyBytesMax   = 64 << 20
)

// What fasthttp has for a length that an answer does not say.
const (
	lengthChunked = -1
	lengthUnsaid  = -2
)

var errNoLength = errors.New("the answer does not say where it ends")

// Conn is one connection to a server. It is used by one goroutine at a time, and is
// of no use after an error.
type Conn struct {
	net.Conn

	in     *bufio.Reader
	answer fasthttp.Response
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
func NewConn(c net.Conn) *Conn { return &Conn{Conn: c, in: bufio.NewReaderSize(c, headerBytesMax)} }

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
		_, err := c.Write(request)
		return err
	}
	both := net.Buffers{request, body}
	_, err := both.WriteTo(c.Conn)
	return err
}

func (c *Conn) read() (Answer, error) {
	header := &c.answer.Header
	if err := header.Read(c.in); err != nil {
		return Answer{}, err
	}
	length := header.ContentLength()
	if length == lengthUnsaid {
		return Answer{}, errNoLength
	}
	if err := c.answer.ReadBody(c.in, bodyBytesMax); err != nil {
		return Answer{}, err
	}
	if length == lengthChunked {
		if err := header.ReadTrailer(c.in); err != nil {
			return Answer{}, err
		}
	}
	a := Answer{Status: header.StatusCode(), Body: c.answer.Body()}
	if after := header.Peek("Retry-After"); len(after) > 0 {
		seconds, err := strconv.Atoi(string(after))
		if err != nil {
			return Answer{}, fmt.Errorf("when to come back: %w", err)
		}
		a.RetryAfter = time.Duration(seconds) * time.Second
	}
	return a, nil
}
