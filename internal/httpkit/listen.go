package httpkit

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"syscall"

	"meterledger/internal/config"
	"meterledger/internal/metric"
)

// Listener is where callers reach a program.
type Listener struct {
	net.Listener
	TLS     *tls.Config // nil without TLS
	Proxies Proxies     // who may connect for many callers
}

// URL returns the address of a path of the program.
func (l *Listener) URL(path string) string {
	scheme := "http"
	if l.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + l.Addr().String() + path
}

// Listen opens addr. Its error is one line, which names the flag and the environment
// variable that choose another address.
func Listen(addr, flag, env string) (*Listener, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w; choose another with %s or %s", addr, listenCause(err), flag, env)
	}
	return &Listener{Listener: listener}, nil
}

// listenCause returns the reason within an error of net, without the address.
func listenCause(err error) error {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// Open is Listen for what callers from other machines may reach too. Off loopback callers must
// show a credential, and nobody on the way may read it: there is TLS, or only trusted proxies
// and loopback are answered. The error is a *config.SettingError if the settings do not allow
// the address, or if a file of TLS cannot be used.
func Open(addr, flag, env string, n config.Network, log *slog.Logger) (*Listener, error) {
	secure, err := loadTLS(n, log)
	if err != nil {
		return nil, err
	}
	l, err := Listen(addr, flag, env)
	if err != nil {
		return nil, err
	}
	l.TLS, l.Proxies = secure, n.TrustedProxies
	if isLoopback(l.Addr()) {
		return l, nil
	}
	if !n.Auth || secure == nil && len(n.TrustedProxies) == 0 {
		refusal := &config.SettingError{Setting: flag, Problem: fmt.Sprintf("%s is not on loopback, "+
			"which needs -auth on and either -tls-cert with -tls-key or -trusted-proxies; without them listen on localhost", addr)}
		return nil, errors.Join(refusal, l.Close())
	}
	if secure == nil {
		l.Listener = &proxiesOnly{Listener: l.Listener, proxies: n.TrustedProxies, refused: &metric.Minute{
			Log: log, Message: "connections from outside of -trusted-proxies were closed in the last minute", Unit: "connections",
		}}
	}
	return l, nil
}

func isLoopback(a net.Addr) bool { return addrOf(a).IsLoopback() }

// addrOf returns the IP address of an end of a connection.
func addrOf(a net.Addr) netip.Addr {
	tcp, _ := a.(*net.TCPAddr)
	return tcp.AddrPort().Addr().Unmap()
}

// proxiesOnly closes connections that are neither of a trusted proxy nor of loopback, before a
// byte is read.
type proxiesOnly struct {
	net.Listener
	proxies Proxies
	refused *metric.Minute
}

func (l *proxiesOnly) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if peer := addrOf(c.RemoteAddr()); peer.IsLoopback() || l.proxies.Has(peer) {
			return c, nil
		}
		l.refused.Add("not_a_proxy")
		_ = c.Close() // nothing was promised to it
	}
}
