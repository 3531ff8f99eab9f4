package journal

import (
	"fmt"
	"log/slog"
)

// pebbleLog passes on what Pebble says. Its everyday news is for debugging.
type pebbleLog struct{ log *slog.Logger }

func (p pebbleLog) Infof(format string, args ...any) {
	p.log.Debug("journal", "pebble", fmt.Sprintf(format, args...))
}

func (p pebbleLog) Errorf(format string, args ...any) {
	p.log.Error("journal", "pebble", fmt.Sprintf(format, args...))
}

// Fatalf must not return: Pebble calls it where it cannot go on, a failed fsync
// of its log among them. The panic becomes an error in the goroutine that
// waits for the write; in a goroutine of Pebble's own it ends the process, as
// it should.
func (p pebbleLog) Fatalf(format string, args ...any) {
	panic(fatal(fmt.Sprintf(format, args...)))
}

type fatal string

func recoverFatal(err *error) {
	switch r := recover().(type) {
	case nil:
	case fatal:
		*err = fmt.Errorf("%s", string(r))
	default:
		panic(r)
	}
}
