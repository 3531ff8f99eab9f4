package httpkit

import (
	"log/slog"
	"strings"
	"testing"
)

func TestCallersCannotFillTheLogThroughTheServer(t *testing.T) {
	var out strings.Builder
	log := newServerLog(slog.New(slog.NewTextHandler(&out, nil)))
	for _, byCaller := range []string{
		"http: TLS handshake error from 203.0.113.9:1000: EOF",
		"http2: server: error reading preface from client 203.0.113.9:1000: bogus greeting",
		"http2: server connection error from 203.0.113.9:1000: connection error: PROTOCOL_ERROR",
		"timeout waiting for SETTINGS frames from 203.0.113.9:1000",
	} {
		log.Print(byCaller)
	}
	if out.Len() > 0 {
		t.Errorf("got %s", &out)
	}
	log.Print("http: Accept error: accept: too many open files; retrying in 5ms")
	if !strings.HasSuffix(out.String(), `level=WARN msg="http: Accept error: accept: too many open files; retrying in 5ms"`+"\n") {
		t.Errorf("got %s", &out)
	}
}
