package httpkit

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"meterledger/internal/meter"
)

// Hosts are the names by which callers may ask for a program: what a Host header may have,
// whatever the port. The loopback names always belong to them, so nil is enough for a
// program on loopback.
type Hosts []string

var loopbackNames = Hosts{"localhost", "127.0.0.1", "::1"}

// NewHosts returns the loopback names, the host of addr, which is a host:port, and more. An
// addr of all interfaces, such as :8000 or 0.0.0.0:8000, has no name of its own.
func NewHosts(addr string, more []string) Hosts {
	hosts := slices.Clone(loopbackNames)
	for _, name := range append([]string{addr}, more...) {
		name = hostOf(name)
		ip, err := netip.ParseAddr(name)
		isAny := name == "" || err == nil && ip.IsUnspecified()
		if !isAny && !slices.Contains(hosts, name) {
			hosts = append(hosts, name)
		}
	}
	return hosts
}

func (h Hosts) String() string { return strings.Join(h, ",") }

// has reports whether r asks for one of the hosts, or for the address that it came in on: no
// page can make a browser send that for a server of its own. A caller that names no host,
// such as a health check over HTTP/1.0, is no browser.
func (h Hosts) has(r *http.Request) bool {
	name := hostOf(r.Host)
	is := func(known string) bool { return strings.EqualFold(known, name) }
	return name == "" || slices.ContainsFunc(loopbackNames, is) || slices.ContainsFunc(h, is) || isLocalAddress(r, name)
}

func isLocalAddress(r *http.Request, name string) bool {
	ip, err := netip.ParseAddr(name)
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return err == nil && ok && local.AddrPort().Addr().Unmap().WithZone("") == ip.Unmap()
}

// hostOf returns the host of a host:port, or of a host alone, without brackets and without
// the dot at the end that DNS allows.
func hostOf(s string) string {
	colon := strings.LastIndexByte(s, ':')
	if colon >= 0 && strings.IndexByte(s, ':') == colon || strings.Contains(s, "]:") {
		s = s[:colon]
	}
	return strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"), ".")
}

// guard refuses what a web page of another origin makes a browser send. A browser says so
// itself when the request changes something; a page that has its own name point at this
// program (DNS rebinding) is seen by that name. Callers that are no browsers pass.
func guard(hosts Hosts) func(http.Handler) http.Handler {
	origins := http.NewCrossOriginProtection()
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case !hosts.has(r):
				WriteError(w, r, meter.Errorf(meter.KindForbidden, meter.CodeForbiddenOrigin,
					"the Host header names %s, which is none of this program's names; -hosts or HOSTS adds one", quote(r.Host)))
			case origins.Check(r) != nil:
				WriteError(w, r, meter.Errorf(meter.KindForbidden, meter.CodeForbiddenOrigin,
					"a web page of another origin may change nothing here"))
			default:
				next.ServeHTTP(w, r)
			}
		})
	}
}
