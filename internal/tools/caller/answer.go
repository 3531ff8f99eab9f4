package caller

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"meterledger/internal/meter"
)

// Answer is what a server said.
type Answer struct {
	Status     int
	RetryAfter time.Duration // 0 if the answer names none
	Body       []byte        // valid until the connection's next request
}

// Problem is the part of an error's answer that people and programs look at.
type Problem struct {
	Code   meter.Code `json:"code"`
	Detail string     `json:"detail"`
}

// detailMax is how much is told of an answer that is not the api's own.
const detailMax = 200

// Problem reads an error's answer. One that is not the api's own has its status for a
// code.
func (a Answer) Problem() Problem {
	var p Problem
	if err := json.Unmarshal(a.Body, &p); err != nil || p.Code == "" {
		return Problem{meter.Code(fmt.Sprintf("status %d", a.Status)), string(a.Body[:min(detailMax, len(a.Body))])}
	}
	return p
}

// OK reports whether the answer is a success.
func (a Answer) OK() bool { return a.Status == http.StatusOK }

// isPassing reports whether the same request may be answered otherwise later.
func (a Answer) isPassing() bool {
	return a.Status == http.StatusTooManyRequests || a.Status >= http.StatusInternalServerError
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
func (r *Refusals) Add(p Problem) {
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
