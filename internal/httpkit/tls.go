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
	c.look()
	return &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: c.newest}, nil
}

// certificate is the newest that was right.
type certificate struct {
	network config.Network
	log     *slog.Logger

	mu      sync.Mutex // guards all below
	seen    [sha256.Size]byte
	current *tls.Config
	isOff   bool // it was logged that current does not count
}

// newest is how a connection is served.
func (c *certificate) newest(*tls.ClientHelloInfo) (*tls.Config, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reload()
	c.look()
	return c.current, nil
}

// reload reads the files, which costs a small part of a handshake, and takes what is in them,
// unless it has seen that before. One that cannot be used is logged once.
func (c *certificate) reload() {
	files := readTLS(c.network)
	sum := files.sum()
	if sum == c.seen {
		return
	}
	c.seen = sum
	config, err := files.config()
	if err != nil {
		c.log.Error("the files of TLS have changed and cannot be used; what they were before is served on", "error", err)
		return
	}
	c.current, c.isOff = config, false
	leaf := config.Certificates[0].Leaf
	c.log.Info("the files of TLS have changed", "certificate", leaf.Subject.String(), "not_after", leaf.NotAfter)
}

// look logs once that callers will not believe the certificate now. It is served all the same: the
// clock of this machine may be wrong.
func (c *certificate) look() {
	leaf, now := c.current.Certificates[0].Leaf, time.Now()
	isOff := now.Before(leaf.NotBefore) || now.After(leaf.NotAfter)
	if isOff && !c.isOff {
		c.log.Error("the certificate of TLS does not count now, so callers turn away",
			"certificate", leaf.Subject.String(), "not_before", leaf.NotBefore, "not_after", leaf.NotAfter)
	}
	c.isOff = isOff
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
