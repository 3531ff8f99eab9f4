package client

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"time"

	"meterledger/internal/meter"
)

// Problem is an answer of the api that is not a success.
type Problem struct {
	Status     int           // the HTTP status
	Code       meter.Code    // empty where the answer is not the api's own, such as a proxy's
	Field      string        // the parameter at fault, or empty
	Detail     string        // one plain sentence
	RetryAfter time.Duration // 0 where the answer names none
}

func (p *Problem) Error() string {
	if p.Code == "" {
		return p.Detail
	}
	return fmt.Sprintf("%s (%d %s)", p.Detail, p.Status, p.Code)
}

func newProblem(response *http.Response, content []byte) *Problem {
	p := &Problem{Status: response.StatusCode}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		p.RetryAfter = time.Duration(seconds) * time.Second
	}
	var told struct {
		Code   meter.Code
		Field  string
		Detail string
	}
	mediaType, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/problem+json" || json.Unmarshal(content, &told) != nil || told.Code == "" {
		p.Detail = fmt.Sprintf("%s answered %d %s, which is not an answer of the api",
			response.Request.URL.Host, p.Status, http.StatusText(p.Status))
		return p
	}
	p.Code, p.Field, p.Detail = told.Code, told.Field, told.Detail
	return p
}
