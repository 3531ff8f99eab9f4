package httpkit_test

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"

	"meterledger/internal/config"
	"meterledger/internal/httpkit"
)

func TestProgramListensOffLoopbackOnlyWithCredentialsThatNobodyCanRead(t *testing.T) {
	a := newAuthority(t)
	secure := newSecured(t, a, nil).network
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.7/32")}
	with := func(n config.Network, change func(*config.Network)) config.Network { change(&n); return n }
	auth := func(n *config.Network) { n.Auth = true }
	for _, tt := range []struct {
		name    string
		network config.Network
		isOpen  bool
	}{
		{"nothing", config.Network{}, false},
		{"auth", config.Network{Auth: true}, false},
		{"TLS", secure, false},
		{"proxies", config.Network{TrustedProxies: proxies}, false},
		{"TLS and proxies", with(secure, func(n *config.Network) { n.TrustedProxies = proxies }), false},
		{"auth and TLS", with(secure, auth), true},
		{"auth and proxies", config.Network{Auth: true, TrustedProxies: proxies}, true},
	} {
		for _, addr := range []string{"0.0.0.0:0", ":0", "localhost:0", "127.0.0.1:0", "127.8.0.1:0"} {
			listener, err := httpkit.Open(addr, "-addr", "API_ADDR", tt.network, slog.New(slog.DiscardHandler))
			if err == nil {
				err = listener.Close()
			}
			var setting *config.SettingError
			switch isLoopback := strings.HasPrefix(addr, "l") || strings.HasPrefix(addr, "1"); {
			case isLoopback || tt.isOpen:
				if err != nil {
					t.Errorf("%s, %s: %v", tt.name, addr, err)
				}
			case !errors.As(err, &setting) || err.Error() != "-addr: "+addr+" is not on loopback, which needs -auth on and either "+
				"-tls-cert with -tls-key or -trusted-proxies; without them listen on localhost":
				t.Errorf("%s, %s: got %v", tt.name, addr, err)
			}
		}
	}
}

// TestOthersThanTrustedProxiesAreNotAnsweredWithoutTLS has every address of this machine call.
func TestOthersThanTrustedProxiesAreNotAnsweredWithoutTLS(t *testing.T) {
	var here []netip.Addr
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if ip, ok := netip.AddrFromSlice(a.(*net.IPNet).IP); ok && ip.Unmap().Is4() {
			here = append(here, ip.Unmap())
		}
	}
	call := func(peer netip.Addr, proxies ...netip.Prefix) (isAnswered bool) {
		n := config.Network{Auth: true, TrustedProxies: append(proxies, netip.MustParsePrefix("192.0.2.1/32"))}
		listener, err := httpkit.Open("0.0.0.0:0", "-addr", "API_ADDR", n, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		accepted := make(chan error, 1)
		go func() {
			c, err := listener.Accept()
			if err == nil {
				_, _ = c.Write([]byte{1})
				c.Close()
			}
			accepted <- err
		}()
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: peer.AsSlice()}}
		c, err := dialer.Dial("tcp4", netip.AddrPortFrom(peer, listener.Addr().(*net.TCPAddr).AddrPort().Port()).String())
		if err != nil {
			t.Fatal(err)
		}
		n1, _ := c.Read(make([]byte, 1))
		c.Close()
		listener.Close()
		if err := <-accepted; n1 == 0 && !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: %v", peer, err)
		}
		return n1 == 1
	}
	others := 0
	for _, ip := range here {
		if !call(ip, netip.PrefixFrom(ip, 32)) {
			t.Errorf("%s is a trusted proxy and is not answered", ip)
		}
		if call(ip) != ip.IsLoopback() {
			t.Errorf("%s is no proxy, and is answered: %v", ip, !ip.IsLoopback())
		}
		if !ip.IsLoopback() {
			others++
		}
	}
	if others == 0 {
		t.Skip("this machine has no address but loopback")
	}
}
