package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// child runs one of bench's own programs to its end, and reads what it measured. What
// is measured inside a process is measured in one that does nothing else.
func child[T any](ctx context.Context, b *bench, name string, args ...int) (measured T, err error) {
	var words []string
	for _, n := range args {
		words = append(words, strconv.Itoa(n))
	}
	cmd := exec.CommandContext(ctx, filepath.Join(b.self, name), words...)
	cmd.Stderr, cmd.Dir = b.log, b.scratch
	out, err := cmd.Output()
	if err != nil {
		return measured, fmt.Errorf("running %s: %w", name, err)
	}
	if err := json.Unmarshal(out, &measured); err != nil {
		return measured, fmt.Errorf("reading what %s measured: %w", name, err)
	}
	return measured, nil
}

// numbers reads a child's arguments.
func numbers(args []string, n int) ([]int, error) {
	if len(args) != n {
		return nil, fmt.Errorf("wants %d numbers, not %d: it is started by bench", n, len(args))
	}
	found := make([]int, n)
	for i, arg := range args {
		var err error
		if found[i], err = strconv.Atoi(arg); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// tell hands a child's measurements to its parent.
func tell(measured any) error { return json.NewEncoder(os.Stdout).Encode(measured) }
