package httpkit

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"meterledger/internal/meter"
)

// Proxies are the addresses whose X-Forwarded-For is believed.
type Proxies []netip.Prefix

// Has reports whether addr is a trusted proxy's.
func (p Proxies) Has(addr netip.Addr) bool {
	return slices.ContainsFunc(p, func(known netip.Prefix) bool { return known.Contains(addr) })
}

// PeerAddr returns the address that r's connection comes from. It is not valid if there is no
// connection, such as in a test.
func PeerAddr(r *http.Request) netip.Addr {
	peer, _ := netip.ParseAddrPort(r.RemoteAddr)
	return peer.Addr().Unmap()
}

// ClientAddr returns the address of who sent r: that of the connection. If it is a trusted
// proxy's, it is the last address in X-Forwarded-For that is none: what stands before that one,
// anybody may have written.
func ClientAddr(r *http.Request) netip.Addr {
	client := PeerAddr(r)
	a, _ := r.Context().Value(answerKey{}).(*answer)
	if a == nil || len(a.program.Proxies) == 0 {
		return client
	}
	rest := strings.Join(r.Header["X-Forwarded-For"], ",")
	for rest != "" && a.program.Proxies.Has(client) {
		comma := strings.LastIndexByte(rest, ',')
		addr, ok := parseForwarded(strings.TrimSpace(rest[comma+1:]))
		if !ok {
			break
		}
		client, rest = addr, rest[:max(comma, 0)]
	}
	return client
}

// here returns a handler that answers with h who asks on this machine, and with others everybody
// else: also for whom a proxy on this machine asks, trusted or not, whoever it says that is.
func here(h, others http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if PeerAddr(r).IsLoopback() && len(r.Header["X-Forwarded-For"]) == 0 {
			h.ServeHTTP(w, r)
			return
		}
		others.ServeHTTP(w, r)
	})
}

// from returns what the log has of who sent r: the address and port of the connection, or the
// address of whom a trusted proxy speaks for.
func from(r *http.Request) string {
	if client := ClientAddr(r); client != PeerAddr(r) {
		return client.String()
	}
	return r.RemoteAddr
}

// parseForwarded reads an address, which some proxies write with the port.
func parseForwarded(s string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		var withPort netip.AddrPort
		withPort, err = netip.ParseAddrPort(s)
		addr = withPort.Addr()
	}
	return addr.Unmap(), err == nil
}

// Sender is whose part a request takes of what callers share: its credential's or, if it has none,
// its network's.
type Sender struct {
	Credential string
	Network    netip.Prefix // of a request without a credential
}

// SenderOf returns who counts as the sender of r.
func SenderOf(r *http.Request) Sender {
	if credential := CallerOf(r.Context()).Credential; credential != "" {
		return Sender{Credential: credential}
	}
	return Sender{Network: meter.NetworkOf(ClientAddr(r))}
}

// RateKey returns whose rate a request counts for, and what that is, a credential or an address.
func RateKey(r *http.Request) (key, what string) {
	sender := SenderOf(r)
	if sender.Credential != "" {
		return sender.Credential, "credential"
	}
	return sender.Network.String(), "address"
}
