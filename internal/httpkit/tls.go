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
	c := &certificate{
		read: func() tlsFiles { return readTLS(n) }, config: tlsFiles.config, log: log,
		endsSoon: "the certificate of -tls-cert expires soon",
		hasEnded: "the certificate of -tls-cert has expired, so callers refuse it: put a new one there",
	}
	if err := c.load(); err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: c.newest}, nil
}

// certificate is the newest that was right.
type certificate struct {
	read   func() tlsFiles
	config func(tlsFiles) (*tls.Config, error) // makes use of them
	log    *slog.Logger

	endsSoon, hasEnded string // what the log says then

	mu      sync.Mutex // guards all below
	seen    [sha256.Size]byte
	current *tls.Config
	silence time.Time // until when nothing is said of its end
}

func (c *certificate) load() (err error) {
	files := c.read()
	c.seen = files.sum()
	if c.current, err = c.config(files); err == nil {
		c.sayEnd(files[0].name, time.Now())
	}
	return err
}

// newest reads the files, which costs a small part of a handshake, and takes what is in them,
// unless it has seen that before. One that cannot be used is logged once.
func (c *certificate) newest(*tls.ClientHelloInfo) (*tls.Config, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	files := c.read()
	defer func() { c.sayEnd(files[0].name, time.Now()) }()
	sum := files.sum()
	if sum == c.seen {
		return c.current, nil
	}
	c.seen = sum
	config, err := c.config(files)
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
func (c *certificate) sayEnd(file string, now time.Time) {
	leaf := c.current.Certificates[0].Leaf
	soon := leaf.NotAfter.Add(-min(endsSoon, leaf.NotAfter.Sub(leaf.NotBefore)/5))
	if now.Before(soon) || now.Before(c.silence) {
		return
	}
	c.silence = now.Add(24 * time.Hour)
	if now.After(leaf.NotAfter) {
		c.log.Error(c.hasEnded, "file", file, "not_after", leaf.NotAfter)
		return
	}
	if leaf.NotAfter.Before(c.silence) {
		c.silence = leaf.NotAfter
	}
	c.log.Warn(c.endsSoon, "file", file, "not_after", leaf.NotAfter)
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
	return files.read()
}

func (files tlsFiles) read() tlsFiles {
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
	pair, err := files.pair()
	if err != nil {
		return nil, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, Certificates: []tls.Certificate{pair}}
	if len(files) > 2 {
		c.ClientAuth = tls.VerifyClientCertIfGiven
		c.ClientCAs, err = files[2].pool()
	}
	return c, err
}

// pair checks that all files are whole, and returns the certificate with its key.
func (files tlsFiles) pair() (tls.Certificate, error) {
	for _, f := range files {
		var path *fs.PathError
		switch {
		case errors.As(f.err, &path):
			return tls.Certificate{}, f.wrong(path.Err.Error())
		case f.err != nil:
			return tls.Certificate{}, f.wrong(f.err.Error())
		case f.isTorn():
			return tls.Certificate{}, f.wrong("it ends in the middle")
		}
	}
	pair, err := tls.X509KeyPair(files[0].content, files[1].content)
	if err != nil {
		return pair, files[0].wrong(err.Error())
	}
	return pair, nil
}

// pool returns the authorities in a file.
func (f *tlsFile) pool() (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(f.content) {
		return nil, f.wrong("it has no certificate in PEM")
	}
	return pool, nil
}
