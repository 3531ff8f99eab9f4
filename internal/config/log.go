package config

import (
	"fmt"
	"io"
	"log/slog"
)

// Log says what a program logs, and how.
type Log struct {
	// Format is text, the default, or json: one object a line.
	Format string
	// Level is the lowest level that is logged: debug, info (the default), warn or
	// error.
	Level slog.Level
}

// Logger returns a logger that writes to w in the configured format.
func (l Log) Logger(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: l.Level}
	if l.Format == formatJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

const (
	formatText = "text"
	formatJSON = "json"
)

func (s *settings) addLog(l *Log) {
	s.add(setting{"log-format", "LOG_FORMAT", formatText, "text or json", into(&l.Format, parseLogFormat)})
	s.add(setting{"log-level", "LOG_LEVEL", "info", "debug, info, warn or error", into(&l.Level, parseLogLevel)})
}

func parseLogFormat(s string) (string, error) {
	if s != formatText && s != formatJSON {
		return "", fmt.Errorf("%q is neither text nor json", s)
	}
	return s, nil
}

func parseLogLevel(s string) (slog.Level, error) {
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
	level, ok := levels[s]
	if !ok {
		return 0, fmt.Errorf("%q is not one of debug, info, warn, error", s)
	}
	return level, nil
}
