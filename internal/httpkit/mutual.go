package httpkit

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"meterledger/internal/config"
)

// MutualFiles are the PEM files by which nodes know each other. They are read at each handshake: what changed counts
// at once, if it is right.
type MutualFiles struct {
	Name      string // of this node, which its certificate must have
	Cert, Key string // of this node, for servers and for clients
	CA        string // the authorities of nodes
	CallersCA string // the authorities of callers, none of which may issue what CA believes; empty for none
}

// Mutual is TLS 1.3 between nodes: each shows a certificate of an authority that issues them for nodes alone, and who
// asks a node checks its name. Nobody else may ask, for what a node is asked is done as by an operator.
type Mutual struct{ certificate *certificate }

// LoadMutual returns nil if no file is given. The error is a *config.SettingError.
func LoadMutual(f MutualFiles, log *slog.Logger) (*Mutual, error) {
	if f.Cert == "" && f.Key == "" && f.CA == "" {
		return nil, nil
	}
	m := &Mutual{&certificate{
		read:     f.read,
		config:   func(files tlsFiles) (*tls.Config, error) { return files.mutual(f.Name) },
		log:      log,
		endsSoon: "the certificate of -cluster-cert expires soon",
		hasEnded: "the certificate of -cluster-cert has expired, so other nodes refuse it: put a new one there",
	}}
	if err := m.certificate.load(); err != nil {
		return nil, err
	}
	return m, nil
}

func (f MutualFiles) read() tlsFiles {
	files := tlsFiles{{flag: "-cluster-cert", name: f.Cert}, {flag: "-cluster-key", name: f.Key}, {flag: "-cluster-ca", name: f.CA}}
	if f.CallersCA != "" {
		files = append(files, tlsFile{flag: "-tls-client-ca", name: f.CallersCA})
	}
	return files.read()
}

// mutual returns how the files have a node of a name serve and ask. A certificate that other nodes would
// refuse is refused here, unless it has only expired.
func (files tlsFiles) mutual(name string) (*tls.Config, error) {
	pair, err := files.pair()
	if err != nil {
		return nil, err
	}
	pool, err := files[2].pool()
	if err != nil {
		return nil, err
	}
	chain := x509.NewCertPool()
	for _, der := range pair.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			chain.AddCert(c)
		}
	}
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{
			DNSName: name, Roots: pool, Intermediates: chain, KeyUsages: []x509.ExtKeyUsage{usage}, CurrentTime: pair.Leaf.NotBefore.Add(time.Second),
		}); err != nil {
			return nil, files[0].wrong("other nodes would refuse it: " + err.Error())
		}
	}
	for _, f := range files[3:] {
		if f.isOf(pool) {
			return nil, files[2].wrong("it believes an authority of " + f.flag + ", so that callers could pass for nodes: give nodes an authority of their own")
		}
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}, Certificates: []tls.Certificate{pair},
		RootCAs: pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}, nil
}

// isOf reports whether a pool believes what an authority in the file issues.
func (f *tlsFile) isOf(pool *x509.CertPool) bool {
	for block, rest := pem.Decode(f.content); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			continue
		}
		if _, err := c.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, CurrentTime: c.NotBefore.Add(time.Second)}); err == nil {
			return true
		}
	}
	return false
}

// To returns how a node of a name is asked now.
func (m *Mutual) To(name string) *tls.Config {
	newest, _ := m.certificate.newest(nil) // never fails
	to := newest.Clone()
	to.ServerName = name
	return to
}

// ToServer returns how a server is asked that is no node, by the host of its address. The authorities are those of
// this moment; what changes of this node's own certificate counts at once.
func (m *Mutual) ToServer() *tls.Config {
	to := m.To("")
	to.NextProtos, to.Certificates = nil, nil
	to.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		newest, _ := m.certificate.newest(nil) // never fails
		return &newest.Certificates[0], nil
	}
	return to
}

// OpenMutual is Listen for other nodes. Without m, which is nil then, it opens addresses of loopback alone; the error
// is a *config.SettingError for others.
func OpenMutual(addr, flag, env string, m *Mutual) (*Listener, error) {
	l, err := Listen(addr, flag, env)
	switch {
	case err != nil:
		return nil, err
	case m != nil:
		l.TLS = &tls.Config{MinVersion: tls.VersionTLS13, GetConfigForClient: m.certificate.newest}
	case !isLoopback(l.Addr()):
		refusal := &config.SettingError{Setting: flag, Problem: fmt.Sprintf("%s is not on loopback, which needs -cluster-cert, -cluster-key and -cluster-ca", addr)}
		return nil, errors.Join(refusal, l.Close())
	}
	return l, nil
}
