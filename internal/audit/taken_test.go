package audit_test

import (
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/audit"
	"meterledger/internal/faulttest"
)

// TestAFileThatSomebodyTookAwayIsBegunAnew has lines go where they can be found.
func TestAFileThatSomebodyTookAwayIsBegunAnew(t *testing.T) {
	const path = "data/audit/2026-11.jsonl"
	for what, c := range map[string]struct {
		take func(fs vfs.FS) error
		want []string
	}{
		"removed":               {func(fs vfs.FS) error { return fs.Remove(path) }, []string{"c begun", "b begun"}},
		"removed with all else": {func(fs vfs.FS) error { return fs.RemoveAll("data/audit") }, []string{"c begun", "b begun"}},
		"renamed":               {func(fs vfs.FS) error { return fs.Rename(path, path+".1") }, []string{"c begun", "b begun"}},
		"emptied":               {func(fs vfs.FS) error { return faulttest.Put(fs, path, nil) }, []string{"c begun", "b begun"}},
		"cut":                   {func(fs vfs.FS) error { return faulttest.Put(fs, path, []byte(`{"time"`)) }, []string{"c begun", "b begun", "torn"}},
	} {
		fs := vfs.NewMem()
		o, _ := options(t, fs)
		l := open(t, o)
		begin(t, l, "a")
		if err := c.take(fs); err != nil {
			t.Fatal(err)
		}
		begin(t, l, "b", "c")
		if got := told(t, l, audit.Query{}); !slices.Equal(got, c.want) {
			t.Errorf("%s: the log tells %q, want %q", what, got, c.want)
		}
	}
}
