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
	// successPause is how long the issuer is not asked the same again: a JWT that no key fits
	// asks for new keys, and anybody can make one.
	successPause = time.Second

	// failurePause is successPause after the issuer did not answer.
	failurePause = 5 * time.Second
)

var (
	errAway = errors.New("the issuer is away")
	errSoon = errors.New("the issuer was asked a moment ago")
)

// politeTransport asks the issuer for one thing at most once in a while, and otherwise fails as
// the last time did.
type politeTransport struct {
	now func() time.Time
	log *slog.Logger

	mu    sync.Mutex // guards asked
	asked map[string]reply
}

// reply is when and how the issuer answered last.
type reply struct {
	at     time.Time
	failed bool
}

// RoundTrip makes politeTransport an http.RoundTripper. Its errors are errAway and errSoon.
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
	last, known := p.asked[url]
	since := p.now().Sub(last.at)
	switch {
	case !known || since < 0:
		return nil
	case last.failed && since < failurePause:
		return errAway
	case !last.failed && since < successPause:
		return errSoon
	}
	return nil
}

// keep remembers an answer, and logs if the issuer has gone or is back.
func (p *politeTransport) keep(url string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.asked[url]
	p.asked[url] = reply{p.now(), err != nil}
	switch {
	case err != nil && !before.failed:
		p.log.Warn("the OIDC issuer does not answer; JWTs that need it are answered 503", "url", url, "error", err)
	case err == nil && before.failed:
		p.log.Info("the OIDC issuer answers again", "url", url)
	}
}
