package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"meterledger/internal/meter"
)

const (
	answerTimeMax  = 30 * time.Second
	answerBytesMax = 16 << 20

	triesMax = 10 // of a call that is answered with "not now"
	pauseMax = 5 * time.Second
)

// caller speaks HTTP as a meter or an app does: plainly, over one connection,
// knowing nothing of the programs but their addresses.
type caller struct{ client *http.Client }

func newCaller() *caller {
	return &caller{&http.Client{Timeout: answerTimeMax, Transport: &http.Transport{MaxConnsPerHost: 1}}}
}

// answer is what a program said: a status and the body that goes with it.
type answer struct {
	status     int
	body       []byte
	retryAfter string // the header of that name: seconds, where the status is "not now"
}

func (c *caller) get(ctx context.Context, address string, query url.Values) (answer, error) {
	return c.call(ctx, http.MethodGet, address+"?"+query.Encode(), "", "")
}

// post sends its parameters in the query string, as the original clients do.
func (c *caller) post(ctx context.Context, address string, query url.Values) (answer, error) {
	return c.call(ctx, http.MethodPost, address+"?"+query.Encode(), "", "")
}

func (c *caller) postCSV(ctx context.Context, address, rows string) (answer, error) {
	return c.call(ctx, http.MethodPost, address, "text/csv", rows)
}

// call waits and tries again, a few times, where the answer is "not now": a month
// that is being closed takes no readings for a moment.
func (c *caller) call(ctx context.Context, method, address, contentType, body string) (answer, error) {
	for try := 1; ; try++ {
		got, err := c.once(ctx, method, address, contentType, body)
		if err != nil || got.retryAfter == "" || try == triesMax {
			return got, err
		}
		seconds, err := strconv.Atoi(got.retryAfter)
		if err != nil {
			return got, nil // it does not say when, so it is an answer like any other
		}
		if err := pause(ctx, min(time.Duration(seconds)*time.Second, pauseMax)); err != nil {
			return answer{}, err
		}
	}
}

func (c *caller) once(ctx context.Context, method, address, contentType, body string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := c.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(io.LimitReader(response.Body, answerBytesMax))
	if err != nil {
		return answer{}, fmt.Errorf("reading the answer of %s: %w", address, err)
	}
	return answer{response.StatusCode, b, response.Header.Get("Retry-After")}, nil
}

// pause waits, or returns the reason why ctx ended meanwhile.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// into reads the body of a 200, and makes any other status an error.
func (a answer) into(what string, to any) error {
	if a.status != http.StatusOK {
		return fmt.Errorf("%s: %s", what, a)
	}
	if err := json.Unmarshal(a.body, to); err != nil {
		return fmt.Errorf("%s: reading the answer: %w", what, err)
	}
	return nil
}

// problem is the part of an error's answer that people and programs read.
type problem struct {
	Code   meter.Code `json:"code"`
	Detail string     `json:"detail"`
}

// problem reads an error's answer. One that is no JSON has no code, only a text.
func (a answer) problem() problem {
	var p problem
	if err := json.Unmarshal(a.body, &p); err != nil {
		return problem{Detail: string(a.body)}
	}
	return p
}

func (a answer) String() string {
	if a.status == http.StatusOK {
		return fmt.Sprintf("%d %s", a.status, strings.TrimSpace(string(a.body)))
	}
	p := a.problem()
	return fmt.Sprintf("%d %s: %s", a.status, p.Code, p.Detail)
}
