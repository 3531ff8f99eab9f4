package durable_test

import (
	"errors"
	"maps"
	"os"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/durable"
)

func TestNothingIsChangedOnAReadOnlyFileSystem(t *testing.T) {
	disk := vfs.NewMem()
	if err := errors.Join(disk.MkdirAll("d/sub", 0o755), durable.WriteFile(disk, "d/a", put([]byte("one")))); err != nil {
		t.Fatal(err)
	}
	before, err := disk.List("d")
	if err != nil {
		t.Fatal(err)
	}
	fs := durable.ReadOnly(disk)
	for name, change := range map[string]func() error{
		"Create":        func() error { _, err := fs.Create("d/a", ""); return err },
		"OpenReadWrite": func() error { _, err := fs.OpenReadWrite("d/a", ""); return err },
		"ReuseForWrite": func() error { _, err := fs.ReuseForWrite("d/a", "d/b", ""); return err },
		"Link":          func() error { return fs.Link("d/a", "d/b") },
		"MkdirAll":      func() error { return fs.MkdirAll("d/c", 0o755) },
		"Remove":        func() error { return fs.Remove("d/a") },
		"RemoveAll":     func() error { return fs.RemoveAll("d") },
		"Rename":        func() error { return fs.Rename("d/a", "d/b") },
	} {
		if err := change(); !errors.Is(err, os.ErrPermission) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := fs.Lock("d/LOCK"); err != nil {
		t.Error(err)
	}
	after, err := disk.List("d")
	text, errRead := durable.ReadFile(fs, "d/a", 10)
	if err := errors.Join(err, errRead); err != nil || !maps.Equal(set(before), set(after)) || string(text) != "one" {
		t.Errorf("there were %q, there are %q, and a holds %q: %v", before, after, text, err)
	}
}

func set(names []string) map[string]bool {
	all := make(map[string]bool)
	for _, name := range names {
		all[name] = true
	}
	return all
}

func TestAFolderIsLockedToReadOnlyIfNobodyHasIt(t *testing.T) {
	disk := vfs.NewMem()
	if err := disk.MkdirAll("d", 0o755); err != nil {
		t.Fatal(err)
	}
	never, err := durable.LockToRead(disk, "d")
	if err != nil {
		t.Fatal(err)
	}
	if names, err := disk.List("d"); err != nil || len(names) > 0 {
		t.Errorf("it left %q, %v", names, err)
	}
	if err := never.Release(); err != nil {
		t.Error(err)
	}
	owner, err := durable.LockFolder(disk, "d", "the owner")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := durable.LockToRead(disk, "d"); err == nil || err.Error() != "d is in use by the owner" {
		t.Errorf("error %v", err)
	}
	if err := owner.Release(); err != nil {
		t.Fatal(err)
	}
	reader, err := durable.LockToRead(disk, "d")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := durable.LockFolder(disk, "d", "another"); err == nil {
		t.Error("a folder that is read was locked")
	}
	if err := reader.Release(); err != nil {
		t.Error(err)
	}
}
