package journal

import (
	"fmt"
)

// pebbleLog passes on what Pebble says. Its everyday news is for debugging.
type pebbleLog struct{ *failing }

func (p pebbleLog) Infof(format string, args ...any) {
	p.log.Debug("journal", "pebble", fmt.Sprintf(format, args...))
}

func (p pebbleLog) Errorf(format string, args ...any) {
	p.log.Error("journal", "pebble", fmt.Sprintf(format, args...))
}

// Fatalf is called where Pebble cannot go on, and must not return.
func (p pebbleLog) Fatalf(format string, args ...any) { p.end(fmt.Errorf(format, args...)) }
