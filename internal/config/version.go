package config

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version and commit are set by the linker:
//
//	go build -ldflags "-X meterledger/internal/config.version=v1.2.3 -X meterledger/internal/config.commit=0123abc"
//
// Without it they are what the Go tool recorded, if it did.
var version, commit string

// Version returns version, commit and Go version in one line.
func Version() string {
	v, c := version, commit
	if info, ok := debug.ReadBuildInfo(); ok {
		if v == "" {
			v = info.Main.Version
		}
		for _, s := range info.Settings {
			if c == "" && s.Key == "vcs.revision" {
				c = s.Value
			}
		}
	}
	return fmt.Sprintf("%s, commit %s, %s", cmp.Or(v, "(devel)"), cmp.Or(c, "unknown"), runtime.Version())
}
