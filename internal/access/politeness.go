package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

const (
	// asksMax is how often the issuer may be asked the same within asksPause: a JWT that no key
	// fits asks for new keys, and anybody can make one.
	asksMax   = 10
	asksPause = 10 * time.Second

	// failurePause is how long the issuer is not asked the same again after it did not answer.
	failurePause = 5 * time.Second
)

// errAway says that nobody can know at present: the issuer does not answer, or was asked often enough.
var errAway = errors.New("the issuer is away")

// politeTransport asks the issuer for one thing only so often.
type politeTransport struct {
	now func() time.Time
	log *slog.Logger

	mu    sync.Mutex // guards asked
	asked map[string]asks
}

// asks is how often the issuer was asked for one thing of late.
type asks struct {
	begun, last time.Time
	count       int // since begun
	failed      bool
}

// RoundTrip makes politeTransport an http.RoundTripper. Its errors are errAway.
func (p *politeTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	url := r.URL.String()
	if err := p.tooSoon(url); err != nil {
		return nil, err
	}
	answer, err := wholeAnswer(r)
	p.keep(url, err)
	if err != nil {
		return nil, errAway
	}
	return answer, nil
}

// answerBytesMax is more than a document or a set of keys has.
const answerBytesMax = 1 << 20

// wholeAnswer returns an answer that is JSON, or leads to one elsewhere, with its whole body read.
func wholeAnswer(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, answerBytesMax))
	isJSON := answer.StatusCode == http.StatusOK && json.Valid(body)
	if err == nil && !isJSON && answer.StatusCode/100 != 3 {
		err = fmt.Errorf("it answers %s, and not with JSON that is whole", answer.Status)
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, err
}

func (p *politeTransport) tooSoon(url string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, now := p.asked[url], p.now()
	switch since := now.Sub(a.last); {
	case a.failed && 0 <= since && since < failurePause:
		return errAway
	case now.Sub(a.begun) >= asksPause || since < 0: // or the clock was set back
		a.begun, a.count = now, 0
	case a.count == asksMax:
		return errAway
	}
	a.count++
	p.asked[url] = a
	return nil
}

// keep remembers an answer, and logs if the issuer has gone or is back.
func (p *politeTransport) keep(url string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.asked[url]
	switch {
	case err != nil && !a.failed:
		p.log.Warn("the OIDC issuer does not answer; JWTs that need it are answered 503", "url", url, "error", err)
	case err == nil && a.failed:
		p.log.Info("the OIDC issuer answers again", "url", url)
	}
	a.last, a.failed = p.now(), err != nil
	p.asked[url] = a
}
