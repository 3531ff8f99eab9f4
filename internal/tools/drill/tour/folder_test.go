package tour

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/durable"
)

func TestFolderOfAnEarlierDemoIsMadeAnew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".demo")
	for range 2 {
		if err := freshFolder(dir); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 1 || entries[0].Name() != markerName {
			t.Fatalf("the folder holds %v, %v, want the marker alone", entries, err)
		}
		if err := os.MkdirAll(filepath.Join(dir, dataName), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFolderThatTheDemoDidNotMakeIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, "letter.txt")
	if err := os.WriteFile(kept, []byte("dear"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := freshFolder(dir)
	if err == nil || !strings.Contains(err.Error(), "not a folder that the demo made") {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Error(err)
	}
}

func TestFolderOnWhichAnApiWorksIsNotRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".demo")
	if err := freshFolder(dir); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, dataName)
	if err := os.Mkdir(data, 0o755); err != nil {
		t.Fatal(err)
	}
	lock, err := durable.LockFolder(vfs.Default, data, "process 1")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	if err := freshFolder(dir); err == nil || !strings.Contains(err.Error(), "process 1") {
		t.Errorf("the error is %v, want one that names the holder", err)
	}
}
