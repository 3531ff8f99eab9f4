package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// mutant is a way to break the program, and the tests of which at least one must
// notice.
type mutant struct {
	name   string
	edits  []edit
	folder string // of the tests' package, from the top of the module
	tests  []string
}

// edit replaces a text that stands in a file exactly once.
type edit struct{ file, old, new string }

// try returns which of the mutant's tests turned red, and how long they took.
func (m mutant) try(ctx context.Context, root, dir string) (caught []string, took time.Duration, err error) {
	overlay, err := m.overlay(root, dir)
	if err != nil {
		return nil, 0, err
	}
	started := time.Now()
	result, err := runTests(ctx, root, m.folder, m.tests, overlay)
	if err != nil {
		return nil, 0, err
	}
	for _, test := range m.tests {
		if result[test] == failed {
			caught = append(caught, test)
		}
	}
	return caught, time.Since(started), nil
}

// overlay writes the changed files into dir, and the file that has the compiler
// read them in place of the right ones.
func (m mutant) overlay(root, dir string) (path string, err error) {
	changed := make(map[string]string) // text by path
	for _, e := range m.edits {
		path, err := filepath.Abs(filepath.Join(root, e.file))
		if err != nil {
			return "", err
		}
		if _, before := changed[path]; !before {
			text, err := os.ReadFile(path)
			if err != nil {
				return "", fmt.Errorf("reading what is to be changed: %w", err)
			}
			changed[path] = string(text)
		}
		if n := strings.Count(changed[path], e.old); n != 1 {
			return "", fmt.Errorf("%s has this text %d times, not once: mend the table:\n%s", e.file, n, e.old)
		}
		changed[path] = strings.Replace(changed[path], e.old, e.new, 1)
	}
	replace := make(map[string]string) // path by path
	for path, text := range changed {
		copied := filepath.Join(dir, fmt.Sprintf("%d_%s", len(replace), filepath.Base(path)))
		if err := os.WriteFile(copied, []byte(text), 0o644); err != nil {
			return "", fmt.Errorf("writing a changed file: %w", err)
		}
		replace[path] = copied
	}
	content, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, content, 0o644)
}
