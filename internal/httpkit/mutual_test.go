package httpkit_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meterledger/internal/config"
	"meterledger/internal/httpkit"
)

var bothUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}

// newNode writes the files of a node with a certificate for some names.
func newNode(t *testing.T, a *authority, serial int64, usages []x509.ExtKeyUsage, names ...string) httpkit.MutualFiles {
	t.Helper()
	folder := t.TempDir()
	put := func(name string, content []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	c, key := a.issue(&x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "node"}, DNSNames: names, ExtKeyUsage: usages})
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return httpkit.MutualFiles{
		Name: "node-1", Cert: put("cert.pem", pemOf(c)), Key: put("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		CA: put("ca.pem", pemOf(a.certificate)),
	}
}

func putFile(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFilesThatOtherNodesWouldRefuseAreRefusedAtTheStart(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	below, _ := a.issue(&x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "below"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	good := newNode(t, a, 2, bothUsages, "node-1")
	with := func(change func(*httpkit.MutualFiles)) httpkit.MutualFiles {
		f := good
		change(&f)
		return f
	}
	for name, tt := range map[string]struct {
		files httpkit.MutualFiles
		want  string
	}{
		"another name":         {newNode(t, a, 2, bothUsages, "node-2"), "-cluster-cert: …: other nodes would refuse it: x509: certificate is valid for node-2, not node-1"},
		"no name":              {newNode(t, a, 2, bothUsages), "-cluster-cert: …: other nodes would refuse it: x509: certificate is not valid for any names"},
		"a server's alone":     {newNode(t, a, 2, bothUsages[:1], "node-1"), "-cluster-cert: …: other nodes would refuse it: x509: certificate specifies an incompatible key usage"},
		"a client's alone":     {newNode(t, a, 2, bothUsages[1:], "node-1"), "-cluster-cert: …: other nodes would refuse it: x509: certificate specifies an incompatible key usage"},
		"of another authority": {with(func(f *httpkit.MutualFiles) { f.CA = putFile(t, pemOf(other.certificate)) }), "-cluster-cert: …: other nodes would refuse it: x509: certificate signed by unknown authority"},
		"no authority":         {with(func(f *httpkit.MutualFiles) { f.CA = f.Key }), "-cluster-ca: …: it has no certificate in PEM"},
		"no file":              {with(func(f *httpkit.MutualFiles) { f.CA = "" }), "-cluster-ca: …: no such file or directory"},
		"no key":               {with(func(f *httpkit.MutualFiles) { f.Key = f.CA }), "-cluster-cert: …: tls: found a certificate rather than a key"},
		"that of callers":      {with(func(f *httpkit.MutualFiles) { f.CallersCA = f.CA }), "-cluster-ca: …: it believes an authority of -tls-client-ca"},
		"callers' below": {with(func(f *httpkit.MutualFiles) {
			f.CallersCA = putFile(t, append(pemOf(other.certificate), pemOf(below)...))
		}), "-cluster-ca: …: it believes an authority of -tls-client-ca"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := httpkit.LoadMutual(tt.files, slog.New(slog.DiscardHandler))
			before, after, _ := strings.Cut(tt.want, "…")
			var setting *config.SettingError
			if !errors.As(err, &setting) || !strings.HasPrefix(err.Error(), before) || !strings.Contains(err.Error(), after) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
	good.CallersCA = putFile(t, pemOf(other.certificate))
	if m, err := httpkit.LoadMutual(good, slog.New(slog.DiscardHandler)); err != nil || m == nil {
		t.Errorf("files that are right are refused: %v", err)
	}
	if m, err := httpkit.LoadMutual(httpkit.MutualFiles{Name: "node-1"}, slog.New(slog.DiscardHandler)); err != nil || m != nil {
		t.Errorf("without files it is %v, %v", m, err)
	}
}

// TestANodeWhoseCertificateHasExpiredStarts: it answers callers all the same.
func TestANodeWhoseCertificateHasExpiredStarts(t *testing.T) {
	a := newAuthority(t)
	a.left = -time.Minute
	var log bytes.Buffer
	m, err := httpkit.LoadMutual(newNode(t, a, 2, bothUsages, "node-1"), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil || m == nil || !strings.Contains(log.String(), "the certificate of -cluster-cert has expired, so other nodes refuse it") {
		t.Errorf("it does not, %v, or the log has %s", err, &log)
	}
}

func TestACertificateOfANodeCountsOnceItHasChanged(t *testing.T) {
	a := newAuthority(t)
	f := newNode(t, a, 2, bothUsages, "node-1")
	m, err := httpkit.LoadMutual(f, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	shown := func() int64 {
		c := m.To("node-2")
		if c.MinVersion != tls.VersionTLS13 || c.ServerName != "node-2" || c.ClientAuth != tls.RequireAndVerifyClientCert {
			t.Errorf("node-2 is asked with %+v", c)
		}
		return c.Certificates[0].Leaf.SerialNumber.Int64()
	}
	next := newNode(t, a, 3, bothUsages, "node-1")
	for _, step := range []struct {
		from, to string
		want     int64
	}{
		{f.Cert, f.Cert, 2},
		{next.Cert, f.Cert, 2}, // does not fit the key
		{next.Key, f.Key, 3},
	} {
		content, err := os.ReadFile(step.from)
		if err == nil {
			err = os.WriteFile(step.to, content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := shown(); got != step.want {
			t.Errorf("certificate %d is shown, not %d", got, step.want)
		}
	}
}

func TestNodesMeetOffLoopbackWithTLSAlone(t *testing.T) {
	_, err := httpkit.OpenMutual(":0", "-cluster-addr", "CLUSTER_ADDR", nil)
	var setting *config.SettingError
	if want := "-cluster-addr: :0 is not on loopback, which needs -cluster-cert, -cluster-key and -cluster-ca"; !errors.As(err, &setting) || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	m, err := httpkit.LoadMutual(newNode(t, newAuthority(t), 2, bothUsages, "node-1"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for addr, m := range map[string]*httpkit.Mutual{":0": m, "127.0.0.1:0": nil, "localhost:0": m} {
		l, err := httpkit.OpenMutual(addr, "-cluster-addr", "CLUSTER_ADDR", m)
		if err != nil || (l.TLS != nil) != (m != nil) {
			t.Fatalf("%s is opened with TLS %t: %v", addr, m != nil, err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}
