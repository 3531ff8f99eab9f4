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

// Build says which program this is.
type Build struct{ Version, Commit, Go string }

func (b Build) String() string { return fmt.Sprintf("%s, commit %s, %s", b.Version, b.Commit, b.Go) }

// Version returns version, commit and Go version in one line.
func Version() string { return ThisBuild().String() }

// ThisBuild returns which program this is.
func ThisBuild() Build {
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
	return Build{cmp.Or(v, "(devel)"), cmp.Or(c, "unknown"), runtime.Version()}
}
