package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority is a certificate of 127.0.0.1 that others are signed with.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// newCertificate returns a certificate, signed by itself or by an authority.
func newCertificate(t *testing.T, serial int64, by *authority) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: by == nil, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"node-a", "node-b"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if by == nil {
		by = &authority{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.certificate, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{certificate, key}
}

// write writes the certificate and its key as PEM, and returns the files' names.
func (a *authority) write(t *testing.T, folder string) (certificate, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	for name, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: a.certificate.Raw}, key: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key
}

// client trusts the authority, and shows a certificate if it is given one.
func (a *authority) client(t *testing.T, shown *authority) *http.Client {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	settings := &tls.Config{RootCAs: pool}
	if shown != nil {
		settings.Certificates = []tls.Certificate{{Certificate: [][]byte{shown.certificate.Raw}, PrivateKey: shown.key}}
	}
	transport := &http.Transport{TLSClientConfig: settings, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestClientCertificateIsACredentialOverTLS(t *testing.T) {
	folder, root := t.TempDir(), newCertificate(t, 1, nil)
	certificate, key := root.write(t, folder)
	url, _ := startAPI(t, folder, "-auth", "on", "-tls-cert", certificate, "-tls-key", key, "-tls-client-ca", certificate)
	url = strings.Replace(url, "http://", "https://", 1)
	token, err := os.ReadFile(filepath.Join(folder, "data", "operator.token"))
	if err != nil {
		t.Fatal(err)
	}
	headEnd, stranger := newCertificate(t, 2, root), newCertificate(t, 3, root)
	sum := sha256.Sum256(headEnd.certificate.Raw)
	issue, err := http.NewRequest(http.MethodPost, url+"/credentials?role=meter&meters=*&certificate_sha256="+hex.EncodeToString(sum[:]), nil)
	if err != nil {
		t.Fatal(err)
	}
	issue.SetBasicAuth(strings.TrimSpace(string(token)), "")
	answer, err := root.client(t, nil).Do(issue)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status)
	}
	for name, c := range map[string]struct {
		shown  *authority
		status int
		role   string
	}{
		"the head-end": {headEnd, http.StatusOK, "meter"},
		"a stranger":   {stranger, http.StatusUnauthorized, ""},
		"nobody":       {nil, http.StatusUnauthorized, ""},
	} {
		if status, who := whoami(t, root.client(t, c.shown), url, ""); status != c.status || who.Role != c.role {
			t.Errorf("%s: %d %+v", name, status, who)
		}
	}
}
