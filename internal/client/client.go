// Package client calls the api over HTTP as its callers do, and hands back
// typed answers. An answer that is not a success comes back as a *Problem; any
// other error means that the api was not reached or did not answer to the end.
//
// Times and periods are text as the api writes and reads them: only the api
// knows its clock.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// answerBytesMax is the largest answer that is read. The largest page of
// readings takes a tenth of it.
const answerBytesMax = 64 << 20

var errAnswerTooLarge = fmt.Errorf("the answer is larger than %d bytes", answerBytesMax)

// Client calls one api. It is safe for concurrent use.
type Client struct {
	base *url.URL
	http *http.Client
}

// New returns a client of the api at base. It sets no limits of time: those are
// h's, or the context's of each call.
func New(base *url.URL, h *http.Client) *Client { return &Client{base, h} }

// call is one request to the api.
type call struct {
	method, path string
	parameters   parameters
	contentType  string
	body         io.Reader
}

// parameters are names and values in turn; empty values are left out.
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

func (c *Client) send(ctx context.Context, what call) ([]byte, error) {
	target := c.base.JoinPath(what.path)
	target.RawQuery = what.parameters.encode()
	request, err := http.NewRequestWithContext(ctx, what.method, target.String(), what.body)
	if err != nil {
		return nil, fmt.Errorf("calling the api: %w", err)
	}
	if what.contentType != "" {
		request.Header.Set("Content-Type", what.contentType)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("calling the api: %w", err)
	}
	content, err := readAnswer(response)
	if err != nil {
		return nil, fmt.Errorf("reading the api's answer to %s: %w", what.path, err)
	}
	if response.StatusCode/100 != 2 {
		return nil, newProblem(response, content)
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
