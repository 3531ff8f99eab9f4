package programs

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"meterledger/internal/meter"
)

const (
	pollEvery    = 50 * time.Millisecond
	pollTimeMax  = 2 * time.Second
	pollBytesMax = 64 << 10
)

// requireVisible refuses a log level that would hide the line for which output
// looks. The setting may stand in the environment several times; the last counts.
func requireVisible(environment []string) error {
	for _, setting := range slices.Backward(environment) {
		value, found := strings.CutPrefix(setting, "LOG_LEVEL=")
		if !found {
			continue
		}
		var level slog.Level
		if err := level.UnmarshalText([]byte(value)); err == nil && level > slog.LevelInfo {
			return fmt.Errorf("LOG_LEVEL=%s hides the log line that says where a program listens: set it to info or debug", value)
		}
		return nil
	}
	return nil
}

// baseURL is how a caller on this machine reaches a listener.
func baseURL(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "http://" + address
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost" // it listens on every address
	}
	return "http://" + net.JoinHostPort(host, port)
}

// awaitReady asks a program until it answers that it is ready, ends, or ctx does.
func awaitReady(ctx context.Context, url string, p *process) error {
	client := &http.Client{Timeout: pollTimeMax, Transport: &http.Transport{DisableKeepAlives: true}}
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		err := poll(ctx, client, url)
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-p.ended:
			return p.fate()
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

// poll returns nil where the program is up. An api that was shut down by its
// operators, which survives a restart, is up too.
func poll(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, pollBytesMax))
	if err != nil {
		return fmt.Errorf("reading the answer of %s: %w", url, err)
	}
	var answer struct {
		Code meter.Code `json:"code"`
	}
	_ = json.Unmarshal(body, &answer) // an answer that is no JSON has no code
	if response.StatusCode == http.StatusOK || answer.Code == meter.CodeNotReceiving {
		return nil
	}
	return fmt.Errorf("%s answers %s %s", url, response.Status, answer.Code)
}
