package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meterledger/api"
	"meterledger/internal/config"
	"meterledger/internal/issuertest"
)

// announcer hands out the address of a program's line listening once it is ready.
type announcer struct {
	slog.Handler

	addr  string
	ready chan string
}

func (a *announcer) Enabled(context.Context, slog.Level) bool { return true }

func (a *announcer) Handle(_ context.Context, line slog.Record) error {
	line.Attrs(func(attr slog.Attr) bool {
		if line.Message == "listening" && attr.Key == "addr" {
			a.addr = attr.Value.String()
		}
		return true
	})
	if line.Message == "ready" {
		a.ready <- a.addr
	}
	return nil
}

// startAPI runs an api in a folder until the test ends or stop is called.
func startAPI(t *testing.T, folder string, more ...string) (url string, stop func()) {
	t.Helper()
	settings, err := config.LoadAPI(append([]string{
		"-addr", "127.0.0.1:0", "-data-dir", filepath.Join(folder, "data"), "-archive-dir", filepath.Join(folder, "Archive"),
	}, more...), func(string) string { return "" }, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	announced := &announcer{Handler: slog.DiscardHandler, ready: make(chan string, 1)}
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, settings, slog.New(announced)) }()
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		ended <- nil
	}
	t.Cleanup(stop)
	select {
	case addr := <-announced.ready:
		return "http://" + addr, stop
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
		return "", nil
	}
}

// whoami asks with a token.
func whoami(t *testing.T, client *http.Client, url, token string) (status int, who api.Caller) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, url+"/whoami", nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&who); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, who
}

func TestFirstStartWithAccessOnWritesAnOperatorsTokenThatGoesOnBeingTaken(t *testing.T) {
	folder := t.TempDir()
	url, stop := startAPI(t, folder, "-auth", "on")
	file := filepath.Join(folder, "data", "operator.token")
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimSpace(string(text))
	if status, who := whoami(t, http.DefaultClient, url, token); status != http.StatusOK || who.Role != "operator" {
		t.Errorf("%d %+v", status, who)
	}
	if status, _ := whoami(t, http.DefaultClient, url, ""); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d", status)
	}
	stop()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	url, _ = startAPI(t, folder, "-auth", "on")
	if status, who := whoami(t, http.DefaultClient, url, token); status != http.StatusOK || who.Role != "operator" {
		t.Errorf("after a restart: %d %+v", status, who)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a second token was written, though there is an operator")
	}
}

func TestTokensOfAnIssuerAreTakenIfThereIsOne(t *testing.T) {
	issuer := issuertest.New(t)
	jwt := issuer.Sign(time.Now(), map[string]any{"meterledger_role": "auditor"})
	url, _ := startAPI(t, t.TempDir(), "-auth", "on", "-oidc-issuer", issuer.URL, "-oidc-audience", issuertest.Audience)
	if status, who := whoami(t, http.DefaultClient, url, jwt); status != http.StatusOK || who.Role != "auditor" || *who.CredentialID != "oidc:a person" {
		t.Errorf("%d %+v", status, who)
	}
	url, _ = startAPI(t, t.TempDir(), "-auth", "on", "-oidc-issuer", issuer.URL, "-oidc-audience", "others")
	if status, _ := whoami(t, http.DefaultClient, url, jwt); status != http.StatusUnauthorized {
		t.Errorf("a token for another audience: %d", status)
	}
}

func TestWithAccessOffEverybodyIsAnOperatorAndNoTokenIsWritten(t *testing.T) {
	folder := t.TempDir()
	url, _ := startAPI(t, folder)
	if status, who := whoami(t, http.DefaultClient, url, "anything"); status != http.StatusOK || who.Role != "operator" || who.CredentialID != nil {
		t.Errorf("%d %+v", status, who)
	}
	if _, err := os.Stat(filepath.Join(folder, "data", "operator.token")); err == nil {
		t.Error("a token was written")
	}
}

func TestTheFirstOperatorIsInTheAuditLogOrIsNotMade(t *testing.T) {
	folder := t.TempDir()
	data := filepath.Join(folder, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(data, "audit") // where its folder belongs
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	token := func() string {
		text, err := os.ReadFile(filepath.Join(data, "operator.token"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(text))
	}
	url, stop := startAPI(t, folder, "-auth", "on")
	if status, _ := whoami(t, http.DefaultClient, url, token()); status != http.StatusUnauthorized {
		t.Errorf("without an audit log: %d", status)
	}
	stop()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	url, stop = startAPI(t, folder, "-auth", "on")
	_, who := whoami(t, http.DefaultClient, url, token())
	stop()
	logs, err := filepath.Glob(filepath.Join(data, "audit", "*.jsonl"))
	if err != nil || len(logs) != 1 {
		t.Fatalf("%q, %v", logs, err)
	}
	text, err := os.ReadFile(logs[0])
	if err != nil {
		t.Fatal(err)
	}
	if who.CredentialID == nil || strings.Count(string(text), *who.CredentialID) != 2 || strings.Contains(string(text), token()) {
		t.Errorf("%+v, and the log tells\n%s", who, text)
	}
	for _, outcome := range []api.AuditOutcome{api.AuditBegun, api.AuditDone} {
		if !strings.Contains(string(text), `"outcome":"`+string(outcome)+`"`) {
			t.Errorf("no line says %s:\n%s", outcome, text)
		}
	}
}
