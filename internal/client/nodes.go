package client

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"

	"meterledger/api"
	"meterledger/internal/meter"
)

// AwayError says that an api was not reached, or did not complete its answer: what was asked was done, or was not.
type AwayError struct{ Err error }

func (e *AwayError) Error() string { return e.Err.Error() }

// Unwrap returns what happened.
func (e *AwayError) Unwrap() error { return e.Err }

// nodes are the addresses of an api.
type nodes struct {
	all   []*url.URL
	first atomic.Int64 // index of the one to ask first: that which answered last
}

// Each has do ask one node after the other, beginning with the one that answered last, as long as its error says that the node
// is away: it was not reached, broke off, or says that it is not ready, see api.Problem. Each node is asked once at most,
// and none when ctx has ended. What do asks must be what may be done twice.
func (c *Client) Each(ctx context.Context, do func(one *Client) error) error {
	return c.each(ctx, isAway, func(one *url.URL) error {
		return do(&Client{&nodes{all: []*url.URL{one}}, c.http, c.name, c.asks})
	})
}

func (c *Client) each(ctx context.Context, goesOn func(error) bool, do func(*url.URL) error) (err error) {
	for range c.nodes.all {
		at := c.nodes.first.Load()
		if err = do(c.nodes.all[at]); isAway(err) && !errors.Is(err, context.Canceled) {
			c.nodes.first.CompareAndSwap(at, (at+1)%int64(len(c.nodes.all)))
		}
		if !goesOn(err) || ctx.Err() != nil {
			break
		}
	}
	return err
}

// isAway reports whether an error says that another node may answer.
func isAway(err error) bool {
	if p, ok := errors.AsType[*api.Problem](err); ok {
		switch p.Code {
		case meter.CodeNotReady:
			return true
		case "": // of a proxy whose api is away
			return p.Status == http.StatusBadGateway || p.Status == http.StatusServiceUnavailable || p.Status == http.StatusGatewayTimeout
		}
		return false
	}
	_, ok := errors.AsType[*AwayError](err)
	return ok
}

// isUnsent reports whether an error says that a node got nothing of what was asked.
func isUnsent(err error) bool {
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == "dial"
}
