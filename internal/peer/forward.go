package peer

import (
	"net/http"
	"net/url"

	"meterledger/internal/cluster"
)

// Forward sends a request to a node, at the same path behind leaderPath, and returns the answer, whose body must be
// closed. It waits as long as the request's context goes on, also while forwardedMax others are under way. The same is sent again only if the connection has ended before
// any of it was written, since not all that is forwarded may be done twice.
func (p *Peers) Forward(to cluster.Node, r *http.Request) (*http.Response, error) {
	asks := r.Clone(r.Context())
	asks.URL = &url.URL{Scheme: p.scheme(), Host: to.Address, Path: leaderPath + r.URL.Path, RawQuery: r.URL.RawQuery}
	asks.Host = to.Address
	answer, err := p.to(route{to.Name, true}).RoundTrip(asks)
	return answer, explain(r.Context(), to, err)
}
