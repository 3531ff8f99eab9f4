package config

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"meterledger/internal/meter"
)

// Log says what a program logs, and how.
type Log struct {
	// Format is text, the default, or json: one object a line.
	Format string
	// Level is the lowest level that is logged: debug, info (the default), warn or
	// error.
	Level slog.Level

	zone *time.Location // of all times in the log; nil is UTC
}

// Logger returns a logger that writes to w in the configured format. Times have the clock of
// -timezone, and its offset from UTC. JSON has durations as numbers of seconds.
func (l Log) Logger(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: l.Level, ReplaceAttr: l.replace}
	if l.Format == formatJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

func (l Log) replace(_ []string, a slog.Attr) slog.Attr {
	switch kind := a.Value.Kind(); {
	case kind == slog.KindTime && l.zone == nil:
		a.Value = slog.TimeValue(a.Value.Time().UTC())
	case kind == slog.KindTime:
		a.Value = slog.TimeValue(a.Value.Time().In(l.zone))
	case kind == slog.KindDuration && l.Format == formatJSON:
		a.Value = slog.Float64Value(a.Value.Duration().Seconds())
	}
	return a
}

// in sets the clock of the log, if the zone is known.
func (l *Log) in(zone *meter.Zone) {
	if zone != nil {
		l.zone = zone.Location()
	}
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
