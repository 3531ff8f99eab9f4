package rest

import (
	"net/http"
	"net/netip"
	"net/url"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// NewLeaderHandler returns what a node answers to others that forward what only the node that leads does. It must be
// on the listener of peers alone: whoever asks there says who a caller is. Of the options, the hosts are that listener's.
func NewLeaderHandler(o Options) http.Handler {
	a, program := newApp(o), o.program()
	program.Proxies = httpkit.Proxies{everyIPv4, everyIPv6}
	if o.Door != nil { // else everybody is an operator, here as there
		program.Door = told{}
	}
	r := httpkit.NewBareRouter(&program)
	for _, route := range a.routes() {
		if route.place == atLeader {
			r.Method(route.method, route.pattern, a.ifLeading(httpkit.For(route.roles, a.logged(route))))
		}
	}
	return r
}

// The addresses of nodes: whatever they say of where a request came from is believed.
var everyIPv4, everyIPv6 = netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)

// ifLeading returns h while this node leads. Else nothing is changed, and nothing is forwarded again.
func (a *app) ifLeading(h http.Handler) http.Handler {
	return httpkit.Handler(func(w http.ResponseWriter, r *http.Request) error {
		if _, isSelf := a.ledger.Leader(); !isSelf {
			return errNoLeader
		}
		h.ServeHTTP(w, r)
		return nil
	})
}

// callerHeader says for whom a node forwards a request, as a form of role, credential and label. Nobody looks at it
// on the listener of callers, and a node that forwards sets it anew.
const callerHeader = "Ledger-Caller"

// tell returns what a node says of a caller. Whoever may ask for what is forwarded has no scope.
func tell(c *meter.Caller) string {
	return url.Values{"role": {c.Role.String()}, "credential": {c.Credential}, "label": {c.Label}}.Encode()
}

// told is the door of requests that were forwarded: it believes what the other node says.
type told struct{}

// Caller implements httpkit.Door.
func (told) Caller(r *http.Request) (meter.Caller, error) {
	said := r.Header[callerHeader]
	if len(said) != 1 {
		return meter.Caller{}, errUntold
	}
	values, err := url.ParseQuery(said[0])
	if err != nil {
		return meter.Caller{}, errUntold
	}
	role, err := meter.ParseRole(values.Get("role"))
	if err != nil {
		return meter.Caller{}, errUntold
	}
	return meter.Caller{Role: role, Credential: values.Get("credential"), Label: values.Get("label"), Scope: meter.Scope{IsAll: true}}, nil
}

var errUntold = meter.Invalid(meter.CodeInvalidParameter, callerHeader, "must say, once, for whom the other node asks")
