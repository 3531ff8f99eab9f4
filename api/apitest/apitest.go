// Package apitest checks HTTP traffic against the OpenAPI document. Tests wrap
// their client's transport in it, and fail on any request or answer that the
// document does not describe, so that the two cannot drift apart.
package apitest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"meterledger/api"
)

// Transport checks requests and answers. A request must fit the document if its answer is
// below 400; tests send bad requests on purpose. An answer must always fit, except a 401, 404
// or 405 for a path that the document does not know.
type Transport struct {
	t    testing.TB
	next http.RoundTripper
	doc  *openapi3.T
}

// NewTransport returns a checking transport on top of next.
func NewTransport(t testing.TB, next http.RoundTripper) *Transport {
	t.Helper()
	doc, err := document()
	if err != nil {
		t.Fatalf("loading the OpenAPI document: %v", err)
	}
	return &Transport{t, next, doc}
}

// document is loaded once: that takes 40 ms, and tests make hundreds of transports.
var document = sync.OnceValues(func() (*openapi3.T, error) {
	for _, body := range []string{"application/x-ndjson", "text/csv", "text/html"} {
		openapi3filter.RegisterBodyDecoder(body, openapi3filter.FileBodyDecoder)
	}
	return openapi3.NewLoader().LoadFromData(api.Document())
})

// RoundTrip sends a request and checks it and its answer.
func (c *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	answer, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	if err := c.check(r, body, answer, content); err != nil {
		c.t.Errorf("%s %s → %d does not fit the OpenAPI document: %v\n%s", r.Method, r.URL, answer.StatusCode, err, content)
	}
	return answer, nil
}

// fractionAsText is what numbers=string makes of a number that may have a fraction.
var fractionAsText = regexp.MustCompile(`("(?:[a-z]+_reading|consumption|difference|percent|value|threshold|estimated_kwh|max_kw|rolls_over_at|before|after)":)"(-?[0-9]+(?:\.[0-9]+)?)"`)

func (c *Transport) check(r *http.Request, body []byte, answer *http.Response, content []byte) error {
	if err := checkID(answer, content); err != nil {
		return err
	}
	if r.URL.Query().Get("numbers") == "string" {
		content = fractionAsText.ReplaceAll(content, []byte("$1$2"))
	}
	item, inPath := c.find(r.URL.Path)
	if item == nil || item.GetOperation(r.Method) == nil {
		switch answer.StatusCode {
		case http.StatusUnauthorized, http.StatusNotFound, http.StatusMethodNotAllowed:
			return nil
		}
		return fmt.Errorf("the document does not know %s %s", r.Method, r.URL.Path)
	}
	operation := item.GetOperation(r.Method)
	again := r.Clone(context.Background())
	again.Body = io.NopCloser(bytes.NewReader(body))
	request := &openapi3filter.RequestValidationInput{
		Request: again, PathParams: inPath,
		Route:   &routers.Route{Spec: c.doc, Path: r.URL.Path, PathItem: item, Method: r.Method, Operation: operation},
		Options: &openapi3filter.Options{IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	if answer.StatusCode < http.StatusBadRequest && !hasRejectedRows(content) {
		if err := checkRequest(request, operation, r); err != nil {
			return err
		}
	}
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request,
		Status:                 answer.StatusCode,
		Header:                 answer.Header,
		Body:                   io.NopCloser(bytes.NewReader(content)),
		Options:                request.Options,
	})
}

// checkID makes sure that a problem repeats the id of its request, if the answer has one: a
// program that a test puts in the place of another has none.
func checkID(answer *http.Response, content []byte) error {
	id := answer.Header.Get("X-Request-Id")
	var problem api.Problem
	if answer.Header.Get("Content-Type") != "application/problem+json" {
		return nil
	}
	if err := json.Unmarshal(content, &problem); err != nil || problem.Instance != id {
		return fmt.Errorf("the request is %s, and the problem has the instance %q (%v)", id, problem.Instance, err)
	}
	return nil
}

// find returns the path item of the document for a path, and the parameters in the path.
func (c *Transport) find(path string) (*openapi3.PathItem, map[string]string) {
	parts := strings.Split(path, "/")
	for pattern, item := range c.doc.Paths.Map() {
		if inPath, ok := match(strings.Split(pattern, "/"), parts); ok {
			return item, inPath
		}
	}
	return nil, nil
}

func match(pattern, parts []string) (map[string]string, bool) {
	inPath := make(map[string]string)
	if len(pattern) != len(parts) {
		return nil, false
	}
	for i, part := range parts {
		if name, ok := strings.CutPrefix(pattern[i], "{"); ok {
			inPath[strings.TrimSuffix(name, "}")] = part
		} else if pattern[i] != part {
			return nil, false
		}
	}
	return inPath, true
}

// hasRejectedRows reports whether an answer is that to a batch with bad rows, whose good
// rows are accepted.
func hasRejectedRows(content []byte) bool {
	var batch struct{ Rejected int }
	return json.Unmarshal(content, &batch) == nil && batch.Rejected > 0
}

func checkRequest(request *openapi3filter.RequestValidationInput, operation *openapi3.Operation, r *http.Request) error {
	for name := range r.URL.Query() {
		if operation.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) == nil {
			return fmt.Errorf("the document does not know the parameter %s", name)
		}
	}
	return openapi3filter.ValidateRequest(context.Background(), request)
}
