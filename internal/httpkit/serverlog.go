package httpkit

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"strings"
)

// newServerLog returns a log for net/http. What a caller can make it say at any rate is logged
// at debug level, so that nobody can fill the disk.
func newServerLog(l *slog.Logger) *log.Logger { return log.New(&serverLog{l}, "", 0) }

type serverLog struct{ log *slog.Logger }

func (l *serverLog) Write(line []byte) (int, error) {
	text, level := string(bytes.TrimSpace(line)), slog.LevelWarn
	for _, byCaller := range []string{"http: TLS handshake error", "http2: server", "http2: received GOAWAY", "timeout waiting for"} {
		if strings.HasPrefix(text, byCaller) {
			level = slog.LevelDebug
		}
	}
	l.log.Log(context.Background(), level, text)
	return len(line), nil
}
