package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"time"

	"meterledger/internal/cluster"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// Of several nodes one leads. What only that one does, see place, the others forward to it, on the listener of
// peers. A request is forwarded once: a node that leads no more says so, and its caller asks
// again. Who asks was found out, and what that one may do, where the request came in; the node that leads
// is told who it is, and writes the audit log.

// Peers reaches other nodes; a *peer.Peers does.
type Peers interface {
	// Forward sends a request to another node, which answers it as NewLeaderHandler says. Only method, path, query, header
	// and body of the request count. The body of the answer must be closed.
	Forward(to cluster.Node, r *http.Request) (*http.Response, error)
}

var (
	errNoLeader   = meter.Unavailable(meter.CodeNotReady, time.Second, "no node leads at present, and only the one that leads does this; ask again shortly")
	errLeaderAway = meter.Unavailable(meter.CodeNotReady, time.Second,
		"the node that leads went away before it had answered: this was done, or goes on, or was not done; ask again shortly")
)

// atLeader returns h where this node leads, and else what the node that leads answers.
func (a *app) atLeader(route route, h http.Handler, limited func(http.Handler) http.Handler) http.Handler {
	elsewhere := httpkit.Admit(route.roles, limited(httpkit.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return a.forward(w, r, route.pattern)
	})))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, isSelf := a.ledger.Leader(); isSelf {
			h.ServeHTTP(w, r)
			return
		}
		elsewhere.ServeHTTP(w, r)
	})
}

// forward answers with what the node that leads answers at a path. It waits as long as that node leads, since a run may
// take minutes, and until the caller goes away, which ends no run.
func (a *app) forward(w http.ResponseWriter, r *http.Request, path string) error {
	leader, _ := a.ledger.Leader()
	if leader.Term == 0 {
		return errNoLeader
	}
	ctx, done := a.ledger.WhileLed(r.Context(), leader)
	defer done()
	asks, err := forwarded(ctx, r, path)
	if err != nil {
		return err
	}
	answer, err := a.peers.Forward(leader.Node, asks)
	switch {
	case err != nil && r.Context().Err() != nil:
		return context.Cause(r.Context())
	case err != nil:
		a.ledger.Missed(leader, err)
		return fmt.Errorf("%w (%w)", errLeaderAway, err)
	}
	delete(answer.Header, "Connection") // which is between the two nodes
	maps.Copy(w.Header(), answer.Header)
	for name := range answer.Trailer {
		w.Header().Add(trailerHeader, name)
	}
	w.WriteHeader(answer.StatusCode)
	_, err = io.Copy(passing{w}, answer.Body)
	maps.Copy(w.Header(), answer.Trailer) // which has come with the end of the body
	return errors.Join(err, answer.Body.Close())
}

// passedOn is what the node that leads needs of the header of a request.
var passedOn = []string{"Accept", "Accept-Encoding", "Content-Type", "Content-Encoding", "User-Agent", afterHeader, consistencyHeader}

// forwarded returns a request as the node that leads gets it, once all of it has come.
func forwarded(ctx context.Context, r *http.Request, path string) (*http.Request, error) {
	body, err := httpkit.ReadParameters(r)
	if err != nil {
		return nil, err
	}
	asks, err := http.NewRequestWithContext(ctx, r.Method, (&url.URL{Path: path, RawQuery: r.URL.RawQuery}).String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for _, name := range passedOn {
		if values := r.Header[name]; len(values) > 0 {
			asks.Header[name] = values
		}
	}
	asks.Header.Set("X-Request-Id", httpkit.RequestID(r.Context()))
	if from := httpkit.ClientAddr(r); from.IsValid() {
		asks.Header.Set("X-Forwarded-For", from.String())
	}
	asks.Header.Set(callerHeader, tell(httpkit.CallerOf(r.Context())))
	return asks, nil
}

// passing hands on each part of an answer as it comes.
type passing struct{ http.ResponseWriter }

func (p passing) Write(b []byte) (int, error) {
	n, err := p.ResponseWriter.Write(b)
	_ = http.NewResponseController(p.ResponseWriter).Flush() // a page that asks has nothing to flush
	return n, err
}
