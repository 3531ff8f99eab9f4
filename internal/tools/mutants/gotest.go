package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// timeMax bounds a test that a mutant makes wait for ever, which is red too.
const timeMax = "60s"

// colour is what became of a test.
type colour string

const (
	missing colour = ""
	passed  colour = "pass"
	failed  colour = "fail"
)

func (c colour) String() string {
	if c == missing {
		return "missing or skipped"
	}
	return string(c)
}

// runTests runs tests of one package, with some files of the module replaced, and
// returns what became of each. A package that does not build is an error.
func runTests(ctx context.Context, root, folder string, tests []string, overlay string) (map[string]colour, error) {
	args := []string{"test", "-json", "-vet=off", "-timeout", timeMax, "-run", "^(" + strings.Join(tests, "|") + ")$"}
	var env []string
	if overlay != "" {
		// As a setting of the environment it also reaches the programs that tests
		// build, of which the test cache knows nothing.
		args = append(args, "-count=1")
		env = append(os.Environ(), strings.TrimSpace("GOFLAGS="+os.Getenv("GOFLAGS")+" -overlay="+overlay))
	}
	command := exec.CommandContext(ctx, "go", append(args, "./"+folder)...)
	command.Dir, command.Env = root, env
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	var exit *exec.ExitError
	if ctx.Err() != nil || err != nil && !errors.As(err, &exit) {
		return nil, errors.Join(fmt.Errorf("running go test of %s: %w", folder, err), ctx.Err())
	}
	colours, broken := read(&stdout)
	if broken != "" || err != nil && len(colours) == 0 {
		return nil, fmt.Errorf("%s does not build:\n%s%s", folder, broken, stderr.String())
	}
	return colours, nil
}

// read returns the colour of each test, or what the compiler said.
func read(output *bytes.Buffer) (colours map[string]colour, broken string) {
	colours = make(map[string]colour)
	var said strings.Builder
	failedBuild := false
	for decoder := json.NewDecoder(output); ; {
		var event struct{ Action, Test, Output string }
		if err := decoder.Decode(&event); err != nil {
			break // at the end of the output
		}
		switch event.Action {
		case "build-output":
			said.WriteString(event.Output)
		case "build-fail":
			failedBuild = true
		case string(passed), string(failed):
			if event.Test != "" {
				colours[event.Test] = colour(event.Action)
			}
		}
	}
	if !failedBuild {
		return colours, ""
	}
	return nil, said.String()
}
