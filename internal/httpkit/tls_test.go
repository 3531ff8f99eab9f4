package httpkit_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"meterledger/internal/config"
	"meterledger/internal/httpkit"
)

// authority issues certificates.
type authority struct {
	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	left        time.Duration // of what it issues, an hour after its begin
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, left: time.Hour}
	a.certificate, a.key = a.issue(&x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

func (a *authority) issue(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(a.left)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return certificate, key
}

// pair returns a certificate for loopback, as PEM.
func (a *authority) pair(serial int64) (certificate, key []byte) {
	a.t.Helper()
	c, k := a.issue(&x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "meters"}, IPAddresses: []net.IP{{127, 0, 0, 1}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		a.t.Fatal(err)
	}
	return pemOf(c), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func pemOf(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// secured is a program with TLS.
type secured struct {
	t       *testing.T
	network config.Network
	url     string
	log     lockedBuffer
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex // guards text
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// take returns what was written since it was called last.
func (b *lockedBuffer) take() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.Reset()
	return b.String()
}

// put replaces a file as a whole, as those who renew certificates do.
func (s *secured) put(name string, content []byte) {
	s.t.Helper()
	if err := errors.Join(os.WriteFile(name+".new", content, 0o600), os.Rename(name+".new", name)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *secured) putPair(certificate, key []byte) {
	s.put(s.network.TLSCert, certificate)
	s.put(s.network.TLSKey, key)
}

// newSecured serves with the certificate 100 of a, and believes the client certificates of
// clients, if there is such an authority.
func newSecured(t *testing.T, a, clients *authority) *secured {
	folder := t.TempDir()
	s := &secured{t: t, network: config.Network{TLSCert: filepath.Join(folder, "cert.pem"), TLSKey: filepath.Join(folder, "key.pem")}}
	s.putPair(a.pair(100))
	if clients != nil {
		s.network.TLSClientCA = filepath.Join(folder, "clients.pem")
		s.put(s.network.TLSClientCA, pemOf(clients.certificate))
	}
	log := slog.New(slog.NewTextHandler(&s.log, nil))
	listener, err := httpkit.Open("127.0.0.1:0", "-addr", "API_ADDR", s.network, log)
	if err != nil {
		t.Fatal(err)
	}
	s.url = listener.URL("/")
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- httpkit.Serve(ctx, listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for _, c := range r.TLS.PeerCertificates {
				w.Header().Add("Certificate", c.SerialNumber.String())
			}
			_, _ = io.WriteString(w, r.Proto)
		}), log)
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

// client returns a caller who believes the certificates of a. Each of its requests has a
// connection of its own.
func (a *authority) client(change func(*tls.Config)) *http.Client {
	believed := x509.NewCertPool()
	believed.AddCert(a.certificate)
	c := &tls.Config{RootCAs: believed}
	if change != nil {
		change(c)
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true, DisableKeepAlives: true}}
}

func (s *secured) get(c *http.Client) (answer *http.Response, body string, err error) {
	if answer, err = c.Get(s.url); err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	return answer, string(content), err
}

// serial returns which certificate is served.
func (s *secured) serial(c *http.Client) int64 {
	s.t.Helper()
	answer, _, err := s.get(c)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.TLS.PeerCertificates[0].SerialNumber.Int64()
}

func TestTLSIsOfVersion12OrLaterWithHTTP2(t *testing.T) {
	a := newAuthority(t)
	s := newSecured(t, a, nil)
	if answer, proto, err := s.get(a.client(nil)); err != nil || proto != "HTTP/2.0" || answer.TLS.Version != tls.VersionTLS13 {
		t.Errorf("got %q, %v", proto, err)
	}
	old := a.client(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 })
	old.Transport.(*http.Transport).ForceAttemptHTTP2 = false
	if answer, proto, err := s.get(old); err != nil || proto != "HTTP/1.1" || answer.TLS.Version != tls.VersionTLS12 {
		t.Errorf("TLS 1.2: got %q, %v", proto, err)
	}
	older := a.client(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })
	older.Transport.(*http.Transport).ForceAttemptHTTP2 = false
	if _, proto, err := s.get(older); err == nil {
		t.Errorf("TLS 1.1 is answered in %s", proto)
	}
	if answer, err := http.Get("http" + strings.TrimPrefix(s.url, "https")); err == nil && answer.StatusCode != http.StatusBadRequest {
		t.Errorf("without TLS the answer is %s", answer.Status)
	}
	if text := s.log.take(); text != "" {
		t.Errorf("callers can write into the log at will: %s", text)
	}
}

// Certificates are renewed every few weeks, while meters send.
func TestCertificatesAreSwappedUnderLoadAndNoRequestFails(t *testing.T) {
	a := newAuthority(t)
	s := newSecured(t, a, nil)
	stop := make(chan struct{})
	var asked atomic.Int64
	var callers sync.WaitGroup
	for i := range 8 {
		c := a.client(nil)
		c.Transport.(*http.Transport).DisableKeepAlives = i < 6 // the others keep theirs
		callers.Go(func() {
			defer c.CloseIdleConnections()
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, proto, err := s.get(c); err != nil || proto != "HTTP/2.0" {
					t.Errorf("got %q, %v", proto, err)
					return
				}
				asked.Add(1)
			}
		})
	}
	const swaps = 50
	for serial := int64(101); serial <= 100+swaps; serial++ {
		s.putPair(a.pair(serial))
		if got := s.serial(a.client(nil)); got != serial {
			t.Errorf("%d is served after %d was put", got, serial)
		}
	}
	close(stop)
	callers.Wait()
	t.Logf("%d requests beside %d swaps", asked.Load(), swaps)
}

func TestFilesOfTLSThatAreBrokenKeepThoseBefore(t *testing.T) {
	a, clients := newAuthority(t), newAuthority(t)
	s := newSecured(t, a, clients)
	certificate, key := a.pair(101)
	_, other := a.pair(102)
	chain := append(bytes.Clone(certificate), pemOf(a.certificate)...)
	for _, tt := range []struct {
		name, file string
		content    []byte
		want       string
	}{
		{"no PEM", s.network.TLSCert, []byte("hello"), "-tls-cert: " + s.network.TLSCert + ": tls: failed to find any PEM data"},
		{"empty", s.network.TLSCert, nil, "-tls-cert: "},
		{"half a chain", s.network.TLSCert, chain[:len(chain)-100], "-tls-cert: " + s.network.TLSCert + ": it ends in the middle"},
		{"not of this key", s.network.TLSCert, certificate, "private key does not match public key"},
		{"another key", s.network.TLSKey, other, "private key does not match public key"},
		{"no authority", s.network.TLSClientCA, []byte("hello"), "-tls-client-ca: " + s.network.TLSClientCA + ": it has no certificate in PEM"},
	} {
		before, err := os.ReadFile(tt.file)
		if err != nil {
			t.Fatal(err)
		}
		s.put(tt.file, tt.content)
		for range 3 {
			if got := s.serial(a.client(nil)); got != 100 {
				t.Errorf("%s: %d is served", tt.name, got)
			}
		}
		if text := s.log.take(); strings.Count(text, "level=ERROR") != 1 || !strings.Contains(text, tt.want) {
			t.Errorf("%s: the log has %s", tt.name, text)
		}
		s.put(tt.file, before)
		s.serial(a.client(nil))
		s.log.take()
	}
	if err := os.Remove(s.network.TLSKey); err != nil {
		t.Fatal(err)
	}
	if got, text := s.serial(a.client(nil)), s.log.take(); got != 100 || !strings.Contains(text, "-tls-key: "+s.network.TLSKey+": no such file or directory") {
		t.Errorf("without a key %d is served; the log has %s", got, text)
	}
	s.putPair(chain, key)
	if got, text := s.serial(a.client(nil)), s.log.take(); got != 101 || !strings.Contains(text, "level=INFO msg=\"the files of TLS have changed\" certificate=\"CN=meters\" not_after=") {
		t.Errorf("after all %d is served; the log has %s", got, text)
	}
}

// TestLogSaysThatACertificateEnds: callers that refuse it are logged at debug level only.
func TestLogSaysThatACertificateEnds(t *testing.T) {
	a := newAuthority(t)
	a.left = -time.Minute
	s := newSecured(t, a, nil)
	for _, tt := range []struct {
		left   time.Duration
		serial int64
		want   string // the text of the only line besides that of the change
	}{
		{-time.Minute, 100, "level=ERROR msg=\"the certificate of -tls-cert has expired, so callers refuse it: put a new one there\""},
		{10 * time.Minute, 101, "level=WARN msg=\"the certificate of -tls-cert expires soon\""},
		{time.Hour, 102, ""},
		{-time.Minute, 103, "level=ERROR msg=\"the certificate of -tls-cert has expired"},
	} {
		if a.left = tt.left; tt.serial != 100 {
			s.putPair(a.pair(tt.serial))
		}
		for range 3 {
			if got := s.serial(a.client(func(c *tls.Config) { c.InsecureSkipVerify = true })); got != tt.serial {
				t.Errorf("%d is served instead of %d", got, tt.serial)
			}
		}
		text := s.log.take()
		if said := strings.Count(text, "msg=\"the certificate of"); said != min(1, len(tt.want)) || !strings.Contains(text, tt.want) {
			t.Errorf("with %v left the log has %s", tt.left, text)
		}
	}
}

func TestProgramDoesNotStartWithFilesOfTLSThatAreBroken(t *testing.T) {
	folder := t.TempDir()
	cert := filepath.Join(folder, "cert.pem")
	if err := os.WriteFile(cert, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		network config.Network
		want    string
	}{
		{config.Network{TLSCert: filepath.Join(folder, "none.pem"), TLSKey: cert}, "-tls-cert: " + folder + "/none.pem: no such file or directory"},
		{config.Network{TLSCert: folder, TLSKey: cert}, "-tls-cert: " + folder + ": is a directory"},
		{config.Network{TLSCert: cert, TLSKey: cert}, "-tls-cert: " + cert + ": tls: failed to find any PEM data in certificate input"},
	} {
		_, err := httpkit.Open("127.0.0.1:0", "-addr", "API_ADDR", tt.network, slog.New(slog.DiscardHandler))
		var setting *config.SettingError
		if !errors.As(err, &setting) || err.Error() != tt.want {
			t.Errorf("got  %v\nwant %s", err, tt.want)
		}
	}
}

// withCertificate makes a caller show a certificate of an authority.
func withCertificate(t *testing.T, of *authority, serial int64) func(*tls.Config) {
	pair, err := tls.X509KeyPair(of.pair(serial))
	if err != nil {
		t.Fatal(err)
	}
	return func(c *tls.Config) {
		// Whatever authorities the server names: a dishonest caller sends its own.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
}

func TestClientCertificatesAreThoseOfTheAuthority(t *testing.T) {
	a, clients, stranger := newAuthority(t), newAuthority(t), newAuthority(t)
	s := newSecured(t, a, clients)
	if answer, _, err := s.get(a.client(nil)); err != nil || answer.Header.Get("Certificate") != "" {
		t.Errorf("a caller without a certificate: %v", err)
	}
	if answer, _, err := s.get(a.client(withCertificate(t, clients, 7))); err != nil || answer.Header.Get("Certificate") != "7" {
		t.Errorf("a caller with a certificate: %v, %v", answer, err)
	}
	if answer, _, err := s.get(a.client(withCertificate(t, stranger, 7))); err == nil {
		t.Errorf("a stranger's certificate is taken: %s", answer.Status)
	}
}

// A session that is resumed has the certificate of the handshake before, and must not outlive
// the authority.
func TestAnAuthorityThatIsTakenAwayCountsForResumedSessionsToo(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		a, clients := newAuthority(t), newAuthority(t)
		s := newSecured(t, a, clients)
		show := withCertificate(t, clients, 7)
		c := a.client(func(c *tls.Config) {
			show(c)
			c.MaxVersion, c.ClientSessionCache = version, tls.NewLRUClientSessionCache(1)
		})
		for _, wantResumed := range []bool{false, true} {
			answer, _, err := s.get(c)
			if err != nil || answer.Header.Get("Certificate") != "7" || answer.TLS.DidResume != wantResumed {
				t.Fatalf("%s: %v, %v", tls.VersionName(version), answer, err)
			}
		}
		s.put(s.network.TLSClientCA, pemOf(newAuthority(t).certificate))
		if answer, _, err := s.get(c); err == nil && answer.Header.Get("Certificate") != "" {
			t.Errorf("%s: the certificate %s is taken still", tls.VersionName(version), answer.Header.Get("Certificate"))
		}
	}
}
