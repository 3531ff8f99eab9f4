package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"meterledger/internal/cluster"
	"meterledger/internal/config"
	"meterledger/internal/meter"
)

const (
	// reachMax is how long an etcd may take to answer before it is asked again, and reachAgain the pause before that.
	reachMax   = 3 * time.Second
	reachAgain = 200 * time.Millisecond
	// reachTold is how often the log says that it does not answer, unless something else is wrong.
	reachTold = time.Minute
)

// waiting is what callers are told of an etcd that does not answer. Why, the log says.
type waiting struct{}

func (waiting) String() string { return "it waits for the etcd that keeps the order of the nodes" }

// reach waits until the etcd says which it is; meanwhile the log and tell say why it does not. It is an error if
// waiting would not help.
func (s *clusterSeat) reach(ctx context.Context, tell func(fmt.Stringer)) error {
	if s == nil {
		return nil
	}
	var told time.Time
	var toldHint string
	for {
		once, done := context.WithTimeout(ctx, reachMax)
		_, _, err := s.engine.Identity(once)
		done()
		if err == nil {
			return nil
		}
		if stopped := meter.Stopped(ctx); stopped != nil {
			return stopped
		}
		hint, isFinal := hintOf(err)
		err = fmt.Errorf("the etcd at %s does not answer as one does: %w%s", strings.Join(s.settings.Endpoints, ", "), err, hint)
		if isFinal {
			return &config.SettingError{Setting: "-cluster", Problem: err.Error()}
		}
		tell(waiting{})
		if hint != toldHint || time.Since(told) > reachTold {
			told, toldHint = time.Now(), hint
			s.log.Warn("waiting for the etcd", "error", err)
		}
		select {
		case <-time.After(reachAgain):
		case <-ctx.Done():
		}
	}
}

// hints are what an operator may have to mend, by what the client's error says; it has no types for it.
var hints = []struct {
	in, hint string
	isFinal  bool
}{
	{"x509:", "; -cluster-ca must have the authority of its certificate, which must be of the host in -cluster", true},
	{"remote error: tls:", "; it does not believe the certificate of -cluster-cert", false},
	{"authentication handshake failed", "; it is asked over TLS, since -cluster-ca is given: serve the etcd so", false},
	{"server preface", "; it must be an etcd, and without -cluster-ca, -cluster-cert and -cluster-key it is asked without TLS", false},
}

func hintOf(err error) (hint string, isFinal bool) {
	if errors.Is(err, cluster.ErrRefused) {
		return "", true
	}
	for _, h := range hints {
		if strings.Contains(err.Error(), h.in) {
			return h.hint, h.isFinal
		}
	}
	return "", false
}
