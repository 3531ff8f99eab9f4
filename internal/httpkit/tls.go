package httpkit

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"meterledger/internal/config"
)

// loadTLS returns how the program is served with TLS 1.2 or later, or nil if no certificate is
// given. Each handshake looks at the files: what changed counts at once, if it is right.
func loadTLS(n config.Network, log *slog.Logger) (*tls.Config, error) {
	if n.TLSCert == "" {
		return nil, nil
	}
	files := readTLS(n)
	first, err := files.config()
	if err != nil {
		return nil, err
	}
	c := &certificate{network: n, log: log, seen: files.sum(), current: first}
	c.sayEnd(time.Now())
	return &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: c.newest}, nil
}

// certificate is the newest that was right.
type certificate struct {
	network config.Network
	log     *slog.Logger

	mu      sync.Mutex // guards all below
	seen    [sha256.Size]byte
	current *tls.Config
	silence time.Time // until when nothing is said of its end
}

// newest reads the files, which costs a small part of a handshake, and takes what is in them,
// unless it has seen that before. One that cannot be used is logged once.
func (c *certificate) newest(*tls.ClientHelloInfo) (*tls.Config, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() { c.sayEnd(time.Now()) }()
	files := readTLS(c.network)
	sum := files.sum()
	if sum == c.seen {
		return c.current, nil
	}
	c.seen = sum
	config, err := files.config()
	if err != nil {
		c.log.Error("the files of TLS have changed and cannot be used; what they were before is served on", "error", err)
		return c.current, nil
	}
	c.current, c.silence = config, time.Time{}
	leaf := config.Certificates[0].Leaf
	c.log.Info("the files of TLS have changed", "certificate", leaf.Subject.String(), "not_after", leaf.NotAfter)
	return config, nil
}

// endsSoon is how long before its end a certificate is spoken of, if that is no more than a fifth
// of its life.
const endsSoon = 14 * 24 * time.Hour

// sayEnd logs once a day that the certificate expires soon, or has expired. Nothing else in the
// log does: what callers say when they refuse it is logged at debug level.
func (c *certificate) sayEnd(now time.Time) {
	leaf := c.current.Certificates[0].Leaf
	soon := leaf.NotAfter.Add(-min(endsSoon, leaf.NotAfter.Sub(leaf.NotBefore)/5))
	if now.Before(soon) || now.Before(c.silence) {
		return
	}
	c.silence = now.Add(24 * time.Hour)
	if now.After(leaf.NotAfter) {
		c.log.Error("the certificate of -tls-cert has expired, so callers refuse it: put a new one there", "file", c.network.TLSCert, "not_after", leaf.NotAfter)
		return
	}
	if leaf.NotAfter.Before(c.silence) {
		c.silence = leaf.NotAfter
	}
	c.log.Warn("the certificate of -tls-cert expires soon", "file", c.network.TLSCert, "not_after", leaf.NotAfter)
}

// tlsFile is what a file of TLS has.
type tlsFile struct {
	flag, name string
	content    []byte
	err        error
}

func (f *tlsFile) wrong(problem string) error {
	return &config.SettingError{Setting: f.flag, Problem: f.name + ": " + problem}
}

// isTorn reports whether the file ends within a block, because somebody is writing it.
func (f *tlsFile) isTorn() bool {
	rest := f.content
	for block, after := pem.Decode(rest); block != nil; block, after = pem.Decode(rest) {
		rest = after
	}
	return bytes.Contains(rest, []byte("-----BEGIN "))
}

// tlsFiles are the certificate, its key, and the authorities of clients, if there are any.
type tlsFiles []tlsFile

func readTLS(n config.Network) tlsFiles {
	files := tlsFiles{{flag: "-tls-cert", name: n.TLSCert}, {flag: "-tls-key", name: n.TLSKey}}
	if n.TLSClientCA != "" {
		files = append(files, tlsFile{flag: "-tls-client-ca", name: n.TLSClientCA})
	}
	for i := range files {
		files[i].content, files[i].err = os.ReadFile(files[i].name)
	}
	return files
}

// sum tells what files have from what else they might have.
func (files tlsFiles) sum() (sum [sha256.Size]byte) {
	all := sha256.New()
	for _, f := range files {
		one := sha256.Sum256(f.content)
		all.Write(one[:])
		if f.err != nil {
			all.Write([]byte(f.err.Error()))
		}
	}
	all.Sum(sum[:0])
	return sum
}

// config returns how the files have the program served. The error is a *config.SettingError.
func (files tlsFiles) config() (*tls.Config, error) {
	for _, f := range files {
		var path *fs.PathError
		switch {
		case errors.As(f.err, &path):
			return nil, f.wrong(path.Err.Error())
		case f.err != nil:
			return nil, f.wrong(f.err.Error())
		case f.isTorn():
			return nil, f.wrong("it ends in the middle")
		}
	}
	pair, err := tls.X509KeyPair(files[0].content, files[1].content)
	if err != nil {
		return nil, files[0].wrong(err.Error())
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, Certificates: []tls.Certificate{pair}}
	if len(files) > 2 {
		c.ClientAuth, c.ClientCAs = tls.VerifyClientCertIfGiven, x509.NewCertPool()
		if !c.ClientCAs.AppendCertsFromPEM(files[2].content) {
			return nil, files[2].wrong("it has no certificate in PEM")
		}
	}
	return c, nil
}
