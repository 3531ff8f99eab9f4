package pages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"meterledger/api"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// reply is the api's answer to a page.
type reply struct {
	header http.Header
	status int
	bytes.Buffer
}

func (a *reply) Header() http.Header { return a.header }

func (a *reply) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK {
		a.status = status
	}
}

func (a *reply) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.Buffer.Write(b)
}

// send asks the api something, as if whoever asked for the page had: with the same credential,
// address, origin and id of the request. Its own door, limits and audit log count. The error is a *meter.Error.
func (s *site) send(r *http.Request, method, path string, parameters url.Values, body string) (*reply, error) {
	asks := r.Clone(r.Context())
	asks.Method, asks.RequestURI = method, ""
	asks.URL = &url.URL{Path: path, RawQuery: parameters.Encode()}
	asks.Body, asks.ContentLength, asks.TransferEncoding = http.NoBody, 0, nil
	asks.Form, asks.PostForm, asks.MultipartForm = nil, nil, nil
	for _, of := range []string{"Accept", "Accept-Encoding", "Content-Type", "Content-Length", "If-None-Match", "Range"} {
		asks.Header.Del(of)
	}
	asks.Header.Set("X-Request-Id", httpkit.RequestID(r.Context()))
	if body != "" {
		asks.Header.Set("Content-Type", "application/json")
		asks.Body, asks.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	}
	answer := &reply{header: make(http.Header)}
	s.API.ServeHTTP(answer, asks)
	if answer.status/100 == 2 {
		return answer, nil
	}
	return nil, refusal(answer)
}

// refusal is an answer of the api that is not 2xx, as an error.
func refusal(answer *reply) error {
	var p api.Problem
	if err := json.Unmarshal(answer.Bytes(), &p); err != nil {
		return fmt.Errorf("an answer of status %d that is no problem: %w", answer.status, err)
	}
	seconds, _ := strconv.Atoi(answer.header.Get("Retry-After")) // 0 without it
	return &meter.Error{
		Kind: httpkit.KindOf(answer.status), Code: p.Code, Field: p.Field, Detail: p.Detail, Reason: p.Reason,
		RetryAfter: time.Duration(seconds) * time.Second,
	}
}

// apiMeterPath is the path of a meter in the api, as send takes it.
func apiMeterPath(id meter.ID) string { return "/meters/" + string(id) }

// ask asks the api a question.
func ask[A any](s *site, r *http.Request, path string, parameters url.Values) (answer A, err error) {
	got, err := s.send(r, http.MethodGet, path, parameters, "")
	if err == nil {
		err = json.Unmarshal(got.Bytes(), &answer)
	}
	return answer, err
}
