// Package client calls the api over HTTP, and returns its answers as the types of package
// api. The error of an answer that is not a success is an *api.Problem; an *AwayError
// means that the api was not reached or did not complete its answer.
//
// An api may be several nodes, each with an address of its own. What one does not answer another one is asked, unless it
// may have been done and must not be done twice.
//
// Times and periods are text as the api writes and reads them: only the api knows its
// clock.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"meterledger/api"
)

// answerBytesMax is ten times the largest page of readings.
const answerBytesMax = 64 << 20

var errAnswerTooLarge = fmt.Errorf("the answer is larger than %d bytes", answerBytesMax)

// Client calls one api. It is safe for concurrent use.
type Client struct {
	nodes *nodes
	http  *http.Client
	name  string // of the program that calls; may be none
	asks  Credential
}

// New returns a client of the api at base, and of its other nodes. Timeouts are those of h and of each call's
// context.
func New(base *url.URL, h *http.Client, others ...*url.URL) *Client {
	return &Client{nodes: &nodes{all: append([]*url.URL{base}, others...)}, http: h, asks: NoCredential}
}

// As returns the client with the name of the program that calls, which the api's log tells.
func (c *Client) As(program string) *Client { return &Client{c.nodes, c.http, program, c.asks} }

// With returns the client with a credential for its calls.
func (c *Client) With(asks Credential) *Client { return &Client{c.nodes, c.http, c.name, asks} }

// call is one request to the api.
type call struct {
	method, path string
	parameters   parameters
	contentType  string
	body         io.Reader
	isRepeatable bool // may be done twice, like every GET
}

// parameters are names and values in turn. Empty values are not sent.
type parameters []string

func (p parameters) encode() string {
	values := url.Values{}
	for i := 0; i+1 < len(p); i += 2 {
		if p[i+1] != "" {
			values.Set(p[i], p[i+1])
		}
	}
	return values.Encode()
}

// get sends a GET request, and decodes its answer.
func get[T any](ctx context.Context, c *Client, path string, p ...string) (T, error) {
	return ask[T](ctx, c, call{method: http.MethodGet, path: path, parameters: p})
}

// post sends a POST request that may be done twice, and decodes its answer.
func post[T any](ctx context.Context, c *Client, path string, p ...string) (T, error) {
	return ask[T](ctx, c, call{method: http.MethodPost, path: path, parameters: p, isRepeatable: true})
}

// do makes a call, and ignores the content of its answer.
func (c *Client) do(ctx context.Context, method, path string, p ...string) error {
	_, err := c.send(ctx, call{method: method, path: path, parameters: p})
	return err
}

// ask makes a call and decodes its answer.
func ask[T any](ctx context.Context, c *Client, what call) (answer T, err error) {
	content, err := c.send(ctx, what)
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(content, &answer); err != nil {
		return answer, fmt.Errorf("reading the api's answer to %s: %w", what.path, err)
	}
	return answer, nil
}

// send makes a call and returns the content of its answer, also beside an *api.Problem.
func (c *Client) send(ctx context.Context, what call) (content []byte, err error) {
	goesOn := isUnsent
	switch {
	case what.body != nil: // which is read once
		goesOn = func(error) bool { return false }
	case what.isRepeatable || what.method == http.MethodGet:
		goesOn = isAway
	}
	err = c.each(ctx, goesOn, func(one *url.URL) error {
		content, err = c.sendTo(ctx, one, what)
		return err
	})
	return content, err
}

func (c *Client) sendTo(ctx context.Context, node *url.URL, what call) ([]byte, error) {
	target := node.JoinPath(what.path)
	target.RawQuery = what.parameters.encode()
	request, err := http.NewRequestWithContext(ctx, what.method, target.String(), what.body)
	if err != nil {
		return nil, fmt.Errorf("calling the api: %w", err)
	}
	headers, err := c.asks()
	if err != nil {
		return nil, err
	}
	maps.Copy(request.Header, headers)
	if what.contentType != "" {
		request.Header.Set("Content-Type", what.contentType)
	}
	if c.name != "" {
		request.Header.Set("User-Agent", c.name)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, &AwayError{fmt.Errorf("calling the api: %w", err)}
	}
	content, err := readAnswer(response)
	if err != nil {
		return nil, &AwayError{fmt.Errorf("reading the api's answer to %s: %w", what.path, err)}
	}
	if response.StatusCode/100 != 2 {
		return content, problem(response, content)
	}
	return content, nil
}

func readAnswer(response *http.Response) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(response.Body, answerBytesMax+1))
	if len(content) > answerBytesMax {
		err = errAnswerTooLarge
	}
	return content, errors.Join(err, response.Body.Close())
}

// problem decodes an answer that is not a success.
func problem(response *http.Response, content []byte) *api.Problem {
	p := &api.Problem{}
	mediaType, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/problem+json" || json.Unmarshal(content, p) != nil || p.Code == "" {
		p = &api.Problem{Detail: fmt.Sprintf("%s answered %d %s, which is not an answer of the api",
			response.Request.URL.Host, response.StatusCode, http.StatusText(response.StatusCode))}
	}
	p.Status = response.StatusCode
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		p.RetryAfter = time.Duration(seconds) * time.Second
	}
	return p
}
