package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	rising = `package sample

func Rises(a, b int) bool { return a <= b }
`
	tests = `package sample

import "testing"

func TestRegistersRise(t *testing.T) {
	if !Rises(1, 2) || Rises(2, 1) {
		t.Error("they do not")
	}
}

func TestNothing(t *testing.T) {}

func TestRed(t *testing.T) { t.Error("red") }

func TestSkipped(t *testing.T) { t.Skip("nothing to test it on") }
`
)

// sample is a module with one function and its tests.
func sample(t *testing.T) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module sample\n\ngo 1.26\n", "inner/sample.go": rising, "inner/sample_test.go": tests,
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

// of is a mutant of the sample.
func of(old, replaced string, tests ...string) mutant {
	return mutant{"falls", []edit{{"inner/sample.go", old, replaced}}, "inner", tests}
}

func TestAMutantIsCaughtOrSurvives(t *testing.T) {
	for _, c := range []struct {
		name   string
		mutant mutant
		line   string // that is printed
		err    string // or ""
	}{
		{"caught", of("a <= b", "a >= b", "TestRegistersRise"), "caught by TestRegistersRise\n", ""},
		{"caught by one of two", of("a <= b", "a >= b", "TestNothing", "TestRegistersRise"), "caught by TestRegistersRise\n", ""},
		{"the test that would notice is not asked", of("a <= b", "a >= b", "TestNothing"), "SURVIVED TestNothing\n", "falls: no test noticed"},
		{"it changes nothing", of("a <= b", "b >= a", "TestRegistersRise"), "SURVIVED TestRegistersRise\n", "falls: no test noticed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := sample(t)
			var out bytes.Buffer
			err := try(t.Context(), root, []mutant{c.mutant}, &out)
			if got := message(err); got != c.err {
				t.Errorf("the error is %q, want %q", got, c.err)
			}
			if !strings.Contains(out.String(), c.line) {
				t.Errorf("printed:\n%swant %q", out.String(), c.line)
			}
			if text, err := os.ReadFile(filepath.Join(root, "inner/sample.go")); err != nil || string(text) != rising {
				t.Errorf("the tree was touched: %s, %v", text, err)
			}
		})
	}
}

func TestAMutantThatCannotBeTriedIsAnError(t *testing.T) {
	for _, c := range []struct {
		name   string
		mutant mutant
		err    string // is part of it
	}{
		{"its text is not there", of("a < b", "a > b", "TestRegistersRise"), "inner/sample.go has this text 0 times"},
		{"its text is there twice", of("b", "c", "TestRegistersRise"), "has this text 3 times"},
		{"it does not build", of("a <= b", "a <= c", "TestRegistersRise"), "undefined: c"},
		{"its test is red without it", of("a <= b", "a >= b", "TestRed"), "TestRed of inner is fail without any mutant"},
		{"its test is missing", of("a <= b", "a >= b", "TestFalls"), "TestFalls of inner is missing or skipped"},
		{"its test is skipped", of("a <= b", "a >= b", "TestSkipped"), "TestSkipped of inner is missing or skipped"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := try(t.Context(), sample(t), []mutant{c.mutant}, new(bytes.Buffer))
			if !strings.Contains(message(err), c.err) {
				t.Errorf("the error is %v, want one with %q", err, c.err)
			}
		})
	}
}

func TestEditsOfOneFileComeOnTopOfEachOther(t *testing.T) {
	m := of("a <= b", "a >= c", "TestRegistersRise")
	m.edits = append(m.edits, edit{"inner/sample.go", "b int", "c int"})
	var out bytes.Buffer
	if err := try(t.Context(), sample(t), []mutant{m}, &out); err != nil || !strings.Contains(out.String(), "caught") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// TestTheTableFits tries nothing: it makes sure that each text still stands where it
// is to be changed, once.
func TestTheTableFits(t *testing.T) {
	names := make(map[string]bool)
	for _, m := range table() {
		if _, err := m.overlay("../../..", t.TempDir()); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
		if names[m.name] || len(m.tests) == 0 {
			t.Errorf("%s: the name is taken, or no test is named", m.name)
		}
		names[m.name] = true
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
