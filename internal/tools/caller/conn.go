// Package caller calls the api as meters and apps do: over connections that are kept, with no knowledge but
// its address. A caller repeats a request, later and later, while the answer is "not now" or none.
//
// A connection sends requests that were written beforehand and allocates nothing for them, so that load
// costs little on a machine that the api shares.
package caller

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"meterledger/api"
	"meterledger/internal/meter"
)

// The limits of an answer.
const (
	headerBytesMax = 4 << 10
	bodyBytesMax   = 64 << 20
)

var errNoLength = errors.New("the answer does not say where it ends")

// Conn is one connection to a server, for one goroutine at a time. An error ends its use.
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

// Do sends one request and reads its answer. A nil body is one that stands in the request, if any.
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
	length := header.ContentLength() // -1 if the body is chunked, -2 if the answer does not say
	if length == -2 {
		return Answer{}, errNoLength
	}
	if err := c.answer.ReadBody(c.in, bodyBytesMax); err != nil {
		return Answer{}, err
	}
	if length == -1 {
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

// Answer is what a server said.
type Answer struct {
	Status     int
	RetryAfter time.Duration // 0 if the answer names none
	Body       []byte        // valid until the connection's next request
}

// detailMax is how much is told of an answer that is not the api's own.
const detailMax = 200

// Problem reads an error's answer. One that is not the api's own has its status for a code.
func (a Answer) Problem() (p api.Problem) {
	if err := json.Unmarshal(a.Body, &p); err != nil || p.Code == "" {
		return api.Problem{Code: meter.Code(fmt.Sprintf("status %d", a.Status)), Detail: string(a.Body[:min(detailMax, len(a.Body))])}
	}
	return p
}

// OK reports whether the answer is a success.
func (a Answer) OK() bool { return a.Status == http.StatusOK }

// isPassing reports whether the same request may be answered otherwise later, and says nothing else.
func (a Answer) isPassing() bool {
	_, judged := a.Batch()
	return a.Status == http.StatusTooManyRequests || a.Status >= http.StatusInternalServerError && !judged
}

// Batch reads what became of the rows of a body that was read to its end.
func (a Answer) Batch() (b api.BatchResult, judged bool) {
	var p api.BatchProblem
	if a.Status/100 == 4 || json.Unmarshal(a.Body, &p) != nil || p.BatchResult == nil {
		return b, false
	}
	return *p.BatchResult, true
}

// Code names an answer: the api's own code, or "ok".
func (a Answer) Code() meter.Code {
	if a.OK() {
		return "ok"
	}
	return a.Problem().Code
}

// Into reads the body of a success, and makes any other answer an error.
func (a Answer) Into(what string, to any) error {
	if !a.OK() {
		return fmt.Errorf("%s: %s", what, a)
	}
	if err := json.Unmarshal(a.Body, to); err != nil {
		return fmt.Errorf("%s: reading the answer: %w", what, err)
	}
	return nil
}

func (a Answer) String() string {
	if a.OK() {
		return fmt.Sprintf("%d %s", a.Status, strings.TrimSpace(string(a.Body)))
	}
	p := a.Problem()
	return fmt.Sprintf("%d %s: %s", a.Status, p.Code, p.Detail)
}

// Refusals counts what was refused, by code.
type Refusals struct {
	mu     sync.Mutex // guards byCode
	byCode map[meter.Code]refusals
}

type refusals struct {
	count  int
	detail string // of the first of them
}

// Add counts one refusal.
func (r *Refusals) Add(p api.Problem) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byCode == nil {
		r.byCode = make(map[meter.Code]refusals)
	}
	of := r.byCode[p.Code]
	r.byCode[p.Code] = refusals{of.count + 1, cmp.Or(of.detail, p.Detail)}
}

// Total returns how many there were.
func (r *Refusals) Total() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, of := range r.byCode {
		n += of.count
	}
	return n
}

// Say says a line for each code, in order.
func (r *Refusals) Say(say func(format string, args ...any)) (codes []meter.Code) {
	r.mu.Lock()
	defer r.mu.Unlock()
	codes = slices.Sorted(maps.Keys(r.byCode))
	for _, code := range codes {
		say("  refused %s with %s, such as: %s", Grouped(r.byCode[code].count), code, r.byCode[code].detail)
	}
	return codes
}

// Grouped writes a number with commas between the thousands.
func Grouped[T int | int64 | uint64](n T) string {
	return GroupedDigits(strconv.FormatInt(int64(n), 10))
}

// GroupedDigits puts commas between the thousands of a whole number.
func GroupedDigits(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
