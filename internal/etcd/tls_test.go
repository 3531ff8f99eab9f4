package etcd_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meterledger/internal/cluster"
	"meterledger/internal/etcd"
	"meterledger/internal/etcdtest"
)

// authority issues certificates of members and of clients, on loopback.
type authority struct {
	t      *testing.T
	folder string
	own    tls.Certificate
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, folder: t.TempDir()}
	a.own = a.issue("ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

func (a *authority) issue(name string, template *x509.Certificate) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber, template.Subject = big.NewInt(1), pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.own.Leaf, a.own.PrivateKey
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	certificate, private := a.put(name+".pem", "CERTIFICATE", der), a.put(name+"-key.pem", "PRIVATE KEY", secret)
	pair, err := tls.LoadX509KeyPair(certificate, private)
	if err != nil {
		a.t.Fatal(err)
	}
	return pair
}

// path is where a file of the authority is.
func (a *authority) path(name string) string { return filepath.Join(a.folder, name) }

func (a *authority) put(name, kind string, der []byte) string {
	a.t.Helper()
	if err := os.WriteFile(a.path(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return a.path(name)
}

// client is what a client shows that believes an authority.
func (a *authority) client(believes *authority) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(believes.own.Leaf)
	pair := a.issue("client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: pool, Certificates: []tls.Certificate{pair}}
}

func TestAnEtcdAndItsNodesKnowEachOtherByTheirCertificates(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	ours.issue("member", &x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	running := etcdtest.Start(t, etcdtest.Options{Members: 1, TLS: ours.client(ours), Flags: append([]string{
		"--client-cert-auth", "--trusted-ca-file", ours.path("ca.pem"), "--cert-file", ours.path("member.pem"), "--key-file", ours.path("member-key.pem"),
	}, quick...)})
	secure := func(o *tls.Config) *etcd.Engine {
		e, err := etcd.Open(etcd.Options{Endpoints: running.Endpoints(), Cluster: newOrder(), TLS: o})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() })
		return e
	}
	a := newAppender(t, secure(ours.client(ours)), 8)
	if err := a.add(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		client *tls.Config
		says   string
	}{
		"a client that believes another authority":  {ours.client(theirs), "certificate signed by unknown authority"},
		"a client whose certificate is of another":  {theirs.client(ours), ""}, // it may learn no more than that the connection broke
		"a client without TLS":                      {nil, ""},
		"a client that shows none of a certificate": {&tls.Config{MinVersion: tls.VersionTLS13, RootCAs: ours.client(ours).RootCAs}, ""},
	} {
		err := refusal(t, secure(c.client))
		if !strings.Contains(err.Error(), c.says) || c.says != "" && !strings.Contains(err.Error(), "-cluster-ca") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// refusal is the error of an engine whose calls must not succeed.
func refusal(t *testing.T, e *etcd.Engine) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		_, _, err := e.Identity(ctx)
		if err == nil {
			t.Fatal("it is answered")
		}
		_, viewed := e.View(ctx)
		founded := e.Found(ctx, cluster.Order{At: founding})
		if viewed == nil || founded == nil {
			t.Fatal("it is answered")
		}
		if !strings.Contains(viewed.Error(), "deadline") || ctx.Err() != nil {
			return viewed
		}
	}
}
