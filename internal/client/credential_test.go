package client_test

import (
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meterledger/internal/client"
)

func TestTokenFileIsReadAnewForEachCall(t *testing.T) {
	var sent []string
	path := filepath.Join(t.TempDir(), "token")
	c := raw(t, func(_ http.ResponseWriter, r *http.Request) { sent = append(sent, r.Header.Values("Authorization")...) }).With(client.TokenFile(path))
	for _, token := range []string{"mlo_first", "mlo_second\n"} {
		if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := c.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if got := strings.Join(sent, ", "); got != "Bearer mlo_first, Bearer mlo_second" {
		t.Errorf("%s was sent", got)
	}
}

func TestNothingIsSentWhileThereIsNoToken(t *testing.T) {
	for name, content := range map[string]string{
		"missing": "", "empty": " \n", "two tokens": "mlo_one mlo_two", "two lines": "mlo_one\nmlo_two", "binary": "mlo_\x00", "not ASCII": "mlo_é",
		"long": strings.Repeat("m", 16<<10),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "token")
			if name != "missing" {
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			asked := false
			err := raw(t, func(http.ResponseWriter, *http.Request) { asked = true }).With(client.TokenFile(path)).Shutdown(t.Context())
			if _, isToken := errors.AsType[*client.TokenError](err); !isToken || asked || !strings.Contains(err.Error(), path) {
				t.Errorf("asked: %v, %v", asked, err)
			}
			if name == "empty" && !strings.HasSuffix(err.Error(), path+" is empty") {
				t.Error(err)
			}
		})
	}
}

// TestNoCredentialIsSentWhereNoneIsNeeded: one that has expired would be judged all the same.
func TestNoCredentialIsSentWhereNoneIsNeeded(t *testing.T) {
	var sent []string
	c := raw(t, func(_ http.ResponseWriter, r *http.Request) { sent = append(sent, r.Header.Values("Authorization")...) }).
		With(func() (http.Header, error) { return http.Header{"Authorization": {"Bearer mlo_x"}}, nil })
	if err := errors.Join(c.Healthy(t.Context()), c.Ready(t.Context())); err != nil || len(sent) > 0 {
		t.Errorf("%v was sent, %v", sent, err)
	}
	if err := c.As("daily").Resume(t.Context()); err != nil || len(sent) != 1 {
		t.Errorf("%v was sent, %v", sent, err)
	}
}

func TestServerIsBelievedByTheCertificatesThatAreGiven(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	ask := func(ca *x509.CertPool) error {
		return client.New(address(t, s), &http.Client{Transport: client.NewTransport(ca)}).Healthy(t.Context())
	}
	ours := x509.NewCertPool()
	ours.AddCert(s.Certificate())
	if err := ask(ours); err != nil {
		t.Errorf("it is not believed by its own certificate: %v", err)
	}
	for name, ca := range map[string]*x509.CertPool{"no certificate": x509.NewCertPool(), "the system's": nil} {
		if err := ask(ca); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("by %s it is believed: %v", name, err)
		}
	}
}
