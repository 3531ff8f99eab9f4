package api

import (
	"fmt"
	"time"

	"meterledger/internal/meter"
)

// Problem is an answer that is not a success: RFC 9457's application/problem+json, with a
// stable code. A client returns it as an error.
type Problem struct {
	Type   string     `json:"type"`
	Title  string     `json:"title"`
	Status int        `json:"status"`
	Detail string     `json:"detail"` // one plain sentence
	Code   meter.Code `json:"code"`   // empty if the answer is not the api's but, say, a proxy's
	Field  string     `json:"field,omitempty"`

	// Instance is the id of the request, as the header X-Request-Id has it.
	Instance string `json:"instance,omitempty"`

	Reason meter.Reason `json:"reason,omitempty"` // why readings are not taken, if they are not

	RetryAfter time.Duration `json:"-"` // of the header Retry-After; 0 without it
}

func (p *Problem) Error() string {
	if p.Code == "" {
		return p.Detail
	}
	return fmt.Sprintf("%s (%d %s)", p.Detail, p.Status, p.Code)
}

// Root is what GET / of the api tells a program; a browser gets a page.
type Root struct {
	Name    string            `json:"name"`
	Version string            `json:"version"`
	Commit  string            `json:"commit"`
	Links   map[string]string `json:"links"` // paths, by what they are
}

// Health is the answer of a program that is alive.
type Health struct {
	Status string `json:"status"`
}

// Readiness is the answer of an api that does what it was asked about.
type Readiness struct {
	Status string `json:"status"`
}
