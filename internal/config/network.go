package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// Network says who may reach a program, and how what they send is kept from others.
type Network struct {
	// Auth makes callers show a credential. It is off by default, and then a program answers on
	// loopback only, where everybody may do everything.
	Auth bool
	// TLSCert and TLSKey are the PEM files of a certificate with its chain and of its key; empty,
	// the default, serves without TLS. When they change they are read again.
	TLSCert, TLSKey string
	// TLSClientCA is the PEM file of the authorities whose client certificates are believed.
	// Empty, the default, asks callers for none. When it changes it is read again.
	TLSClientCA string
	// TrustedProxies are the addresses whose X-Forwarded-For is believed; none by default. Off
	// loopback and without TLS, only they and loopback are answered.
	TrustedProxies []netip.Prefix
}

func (s *settings) addNetwork(n *Network) {
	s.add(setting{"auth", "AUTH", "off", "on makes callers show a credential, which an address off loopback needs; off or on", into(&n.Auth, parseSwitch)})
	s.add(setting{"tls-cert", "TLS_CERT", "", "PEM file of the certificate and its chain, read again when it changes; none serves without TLS", into(&n.TLSCert, parseOptionalFile)})
	s.add(setting{"tls-key", "TLS_KEY", "", "PEM file of its key", into(&n.TLSKey, parseOptionalFile)})
	s.add(setting{"tls-client-ca", "TLS_CLIENT_CA", "", "PEM file of the authorities whose client certificates are believed", into(&n.TLSClientCA, parseOptionalFile)})
	s.add(setting{"trusted-proxies", "TRUSTED_PROXIES", "", "addresses, by commas, whose X-Forwarded-For is believed: 10.0.0.7,2001:db8::/64; without TLS only they and loopback are answered", into(&n.TrustedProxies, parseProxies)})
}

// check refuses settings that have no effect without another.
func (n *Network) check() error {
	switch {
	case n.TLSCert != "" && n.TLSKey == "":
		return &SettingError{Setting: "-tls-key", Problem: "-tls-cert is given and needs the file of its key too"}
	case n.TLSCert == "" && n.TLSKey != "":
		return &SettingError{Setting: "-tls-cert", Problem: "-tls-key is given and needs the file of its certificate too"}
	case n.TLSCert == "" && n.TLSClientCA != "":
		return &SettingError{Setting: "-tls-client-ca", Problem: "client certificates need TLS: give -tls-cert and -tls-key"}
	}
	return nil
}

func parseSwitch(s string) (bool, error) {
	if s != "on" && s != "off" {
		return false, fmt.Errorf("%q is neither on nor off", s)
	}
	return s == "on", nil
}

// parseOptionalFile checks the path of a file, which may be empty.
func parseOptionalFile(s string) (string, error) {
	if strings.ContainsRune(s, 0) || strings.HasSuffix(s, "/") {
		return "", fmt.Errorf("%q is not the path of a file", s)
	}
	return s, nil
}

// parseProxies reads addresses and prefixes, separated by commas. It refuses a prefix of all
// addresses, with which anybody could claim to be anybody.
func parseProxies(s string) ([]netip.Prefix, error) {
	if s == "" {
		return nil, nil
	}
	var proxies []netip.Prefix
	for one := range strings.SplitSeq(s, ",") {
		one = strings.TrimSpace(one)
		prefix, err := netip.ParsePrefix(one)
		if addr, wrong := netip.ParseAddr(one); wrong == nil && addr.Zone() == "" {
			addr = addr.Unmap()
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil || prefix.Bits() <= 0 || prefix.Addr().Is4In6() {
			return nil, fmt.Errorf("%q is not an address such as 10.0.0.7, nor some of them such as 10.0.0.0/24", one)
		}
		proxies = append(proxies, prefix.Masked())
	}
	return proxies, nil
}

// parseIssuer checks the address of an OIDC issuer, which is compared as it is written. What it
// says must not be changed on the way: without TLS it must be on loopback.
func parseIssuer(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil ||
		u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return "", fmt.Errorf("%q is not the address of an issuer such as https://login.example/realms/meters", s)
	}
	return s, nil
}

// isLoopback reports whether a host is a name or an address of this machine only.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
