package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	rising = `package sample

import "os"

func Rises(a, b int) bool { return os.Getenv("MUTANT") != "falls" && a <= b }
`
	tests = `package sample

import "testing"

func TestRegistersRise(t *testing.T) {
	if !Rises(1, 2) || Rises(2, 1) {
		t.Error("they do not")
	}
}
`
	red = `package red

import "testing"

func TestRed(t *testing.T) { t.Error("red") }
`
)

// sample is a module with one function and its tests.
func sample(t *testing.T) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module sample\n\ngo 1.26\n", "inner/sample.go": rising, "inner/sample_test.go": tests, "red/red_test.go": red,
		"broken/broken.go": "package broken\n\nvar _ = nothing\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestAMutantIsCaughtOrSurvives(t *testing.T) {
	for _, c := range []struct {
		name   string
		mutant mutant
		line   string // that is printed
		err    string // or ""
	}{
		{"caught", mutant{"falls", "./inner", ""}, "caught by TestRegistersRise\n", ""},
		{"it changes nothing", mutant{"stands", "./inner", ""}, "SURVIVED ./inner\n", "stands: no test noticed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			err := try(t.Context(), sample(t), []mutant{c.mutant}, &out)
			if got := message(err); got != c.err {
				t.Errorf("the error is %q, want %q", got, c.err)
			}
			if !strings.Contains(out.String(), c.line) {
				t.Errorf("printed:\n%swant %q", out.String(), c.line)
			}
		})
	}
}

func TestAMutantThatCannotBeTriedIsAnError(t *testing.T) {
	for _, c := range []struct{ name, tests, err string }{
		{"it does not build", "./broken", "undefined: nothing"},
		{"its test is red without it", "./red", "TestRed"},
		{"its package is missing", "./missing", "red without any fault"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := try(t.Context(), sample(t), []mutant{{"falls", c.tests, ""}}, new(bytes.Buffer))
			if !strings.Contains(message(err), c.err) {
				t.Errorf("the error is %v, want one with %q", err, c.err)
			}
		})
	}
}

// TestTheTableFits tries nothing: it makes sure that each fault is in the code once, and
// in the table once.
func TestTheTableFits(t *testing.T) {
	text, err := os.ReadFile("../../mutant/on.go")
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	for _, match := range regexp.MustCompile(`= chosen\("(.+)"\)`).FindAllStringSubmatch(string(text), -1) {
		names[match[1]] = true
	}
	for _, m := range table {
		if !names[m.name] {
			t.Errorf("%s is twice in the table, or not in internal/mutant", m.name)
		}
		delete(names, m.name)
	}
	if len(names) > 0 {
		t.Errorf("not in the table: %v", names)
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
