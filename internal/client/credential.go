package client

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
)

// Credential returns the headers with which a call says who asks. A call that they cannot be had
// for is not made.
type Credential func() (http.Header, error)

// NoCredential is of calls that say nothing of who asks.
func NoCredential() (http.Header, error) { return nil, nil }

// authorization is the header of RFC 9110, section 11.6.2.
const authorization = "Authorization"

// tokenBytesMax is as much as the api takes of a header.
const tokenBytesMax = 16 << 10

// TokenFile returns the token in a file. The file is read for each call: whoever replaces it need
// not start the program again, and a call fails while there is none.
func TokenFile(path string) Credential {
	return func() (http.Header, error) {
		token, err := readToken(path)
		if err != nil {
			return nil, &TokenError{err}
		}
		return http.Header{authorization: {"Bearer " + token}}, nil
	}
}

// TokenError says why there is no token to call the api with.
type TokenError struct{ Err error }

func (e *TokenError) Error() string {
	return fmt.Sprintf("reading the token of -api-token-file: %v", e.Err)
}

func (e *TokenError) Unwrap() error { return e.Err }

func readToken(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, tokenBytesMax))
	if err != nil {
		return "", err
	}
	token := bytes.TrimSpace(content)
	if len(token) == 0 {
		return "", fmt.Errorf("%s is empty", path)
	}
	if len(content) == tokenBytesMax || bytes.ContainsFunc(token, isNoneOfToken) {
		return "", fmt.Errorf("%s does not hold one token and nothing else", path)
	}
	return string(token), nil
}

// isNoneOfToken reports whether no token has c. The text of a wrong file is not sent to anybody.
func isNoneOfToken(c rune) bool { return c <= ' ' || c > '~' }

// NewTransport returns a transport that believes servers whose certificates go back to the ones of
// ca; nil is the system's. It speaks HTTP/1.1: a connection that died takes only one call with it.
func NewTransport(ca *x509.CertPool) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{RootCAs: ca, MinVersion: tls.VersionTLS12}
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	return t
}
