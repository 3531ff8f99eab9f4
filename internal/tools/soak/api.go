package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	contract "meterledger/api"
	"meterledger/internal/client"
	"meterledger/internal/meter"
	"meterledger/internal/tools/soak/witness"
)

// answerTimeMax is how long a caller waits. An api that is alive answers sooner.
const answerTimeMax = 30 * time.Second

// answerBytesMax is far above what any answer to a batch can have.
const answerBytesMax = 4 << 20

// api is the api as its callers reach it.
type api struct {
	*client.Client
	base string
	http *http.Client
}

func newAPI(base string, connections int) (*api, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("reading the address of the api: %w", err)
	}
	h := &http.Client{Timeout: answerTimeMax, Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	return &api{client.New(u, h), base, h}, nil
}

func (a *api) close() { a.http.CloseIdleConnections() }

// errUnanswered is the error of a request that nobody answered, or not to its end.
var errUnanswered = errors.New("no answer")

// code names the answer behind a client's error: the api's own code, "ok", or
// errUnanswered where there was none.
func code(err error) (meter.Code, error) {
	var problem *contract.Problem
	switch {
	case err == nil:
		return "ok", nil
	case errors.As(err, &problem):
		return problem.Code, nil
	}
	return "", fmt.Errorf("%w: %w", errUnanswered, err)
}

// send records many readings in one of the three formats.
func (a *api) send(ctx context.Context, contentType, body string) (batch contract.BatchResult, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.base+"/receive_meter_readings", strings.NewReader(body))
	if err != nil {
		return batch, err
	}
	request.Header.Set("Content-Type", contentType)
	response, err := a.http.Do(request)
	if err != nil {
		return batch, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, answerBytesMax))
	if err != nil {
		return batch, err
	}
	if response.StatusCode != http.StatusOK {
		problem := &contract.Problem{Status: response.StatusCode}
		return batch, errors.Join(json.Unmarshal(content, problem), problem)
	}
	return batch, json.Unmarshal(content, &batch)
}

// readings fetches all that the api has of a meter in a span. Known is false where
// the meter is not registered.
func (a *api) readings(ctx context.Context, id meter.ID, span witness.Span) (found []witness.Reading, known bool, err error) {
	parameters := url.Values{"meter_id": {string(id)}, "start": {span.From}, "end": {span.To}, "format": {"csv"}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+"/get_readings?"+parameters.Encode(), nil)
	if err != nil {
		return nil, false, err
	}
	response, err := a.http.Do(request)
	if err != nil {
		return nil, false, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		content, err := io.ReadAll(io.LimitReader(response.Body, answerBytesMax))
		if response.StatusCode == http.StatusNotFound && strings.Contains(string(content), string(meter.CodeMeterNotFound)) {
			return nil, false, err
		}
		return nil, false, errors.Join(fmt.Errorf("%s: %s", response.Status, content), err)
	}
	rows := csvRows{in: bufio.NewScanner(response.Body)}
	for rows.next() {
		found = append(found, rows.reading)
	}
	return found, true, rows.err
}
