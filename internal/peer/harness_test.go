package peer

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
	"time"

	"meterledger/internal/cluster"
	"meterledger/internal/clustertest"
	"meterledger/internal/httpkit"
	"meterledger/internal/ledger"
)

var _ Node = (*ledger.Ledger)(nil)

// node is a server of package clustertest as a Node.
type node struct{ clustertest.Server }

func (n node) OpenSnapshot() (io.ReadCloser, int64, error) {
	var b bytes.Buffer
	err := n.Snapshot(&b)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, err
	case err != nil: // the disk fails before the end
		return io.NopCloser(io.MultiReader(&b, iotest.ErrReader(err))), int64(b.Len()) + 1, nil
	}
	return io.NopCloser(&b), int64(b.Len()), nil
}

func program() *httpkit.Program {
	return &httpkit.Program{Log: slog.New(slog.DiscardHandler), Metrics: httpkit.NewMetrics()}
}

// serve has a node answer until the test ends.
func serve(t *testing.T, l *httpkit.Listener, n Node) { serveLeading(t, l, n, http.NotFoundHandler()) }

// serveLeading is serve for a node that answers what others forward.
func serveLeading(t *testing.T, l *httpkit.Listener, n Node, leading http.Handler) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- httpkit.Serve(ctx, l, NewHandler(program(), n, leading), slog.New(slog.DiscardHandler))
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// serveOn has a node answer on a port of its own, and returns the address.
func serveOn(t *testing.T, m *httpkit.Mutual, n Node) string {
	t.Helper()
	l, err := httpkit.OpenMutual("127.0.0.1:0", "-cluster-addr", "CLUSTER_ADDR", m)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l, n)
	return l.Addr().String()
}

// peers returns how other nodes are reached until the test ends. It is called once they serve: a server that stops waits for
// connections that nobody has used.
func peers(t *testing.T, m *httpkit.Mutual) *Peers {
	p := NewPeers(m)
	t.Cleanup(p.Close)
	return p
}

// nowhere returns an address where nobody serves.
func nowhere(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func at(name, address string) cluster.Node { return cluster.Node{Name: name, Address: address} }

// authority issues certificates of nodes.
type authority struct {
	t           *testing.T
	folder      string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, folder: t.TempDir()}
	a.certificate, a.key = a.issue(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	a.put("ca.pem", "CERTIFICATE", a.certificate.Raw)
	return a
}

func (a *authority) issue(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber, template.Subject = big.NewInt(1), pkix.Name{CommonName: "any"}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return c, key
}

func (a *authority) put(name, kind string, der []byte) string {
	path := filepath.Join(a.folder, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// mutual returns TLS for a node of a name.
func (a *authority) mutual(name string) *httpkit.Mutual {
	a.t.Helper()
	c, key := a.issue(&x509.Certificate{DNSNames: []string{name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}})
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	m, err := httpkit.LoadMutual(httpkit.MutualFiles{
		Name: name, Cert: a.put(name+".pem", "CERTIFICATE", c.Raw), Key: a.put(name+"-key.pem", "PRIVATE KEY", der), CA: filepath.Join(a.folder, "ca.pem"),
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		a.t.Fatal(err)
	}
	return m
}
