package e2e

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const operating = "../doc/operating.md"

// TestOperatingGuideGivesWhatItShows pastes its commands, and runs its clients.
func TestOperatingGuideGivesWhatItShows(t *testing.T) {
	s := startSuite(t)
	if err := os.Symlink(binaries, filepath.Join(filepath.Dir(s.archive), "bin")); err != nil {
		t.Fatal(err)
	}
	_, text := section(t, operating, lettingIn)
	s.paste(text, 8)
	for _, c := range []struct{ language, program, file, frame, prints string }{
		{"python", "python3", "client.py", "%s", "0.25"},
		{"js", "node", "client.mjs", "%s", "0.25"},
		{"go", "go", "client.go", "package main\nimport (\"encoding/json\"; \"fmt\"; \"net/http\")\nfunc main() {\n%s}\n", "<nil> 0.25"},
	} {
		t.Run(c.language, func(t *testing.T) {
			if _, err := exec.LookPath(c.program); err != nil {
				t.Skipf("skipped: %s is not installed", c.program)
			}
			client := regexp.MustCompile("(?s)```" + c.language + "\n(.*?)```").FindStringSubmatch(text)
			if client == nil || strings.Count(client[1], "\n") > 5 {
				t.Fatalf("there is no client in five lines: %s", client)
			}
			file := filepath.Join(filepath.Dir(s.archive), c.file)
			if err := os.WriteFile(file, fmt.Appendf(nil, c.frame, s.here(client[1])), 0o600); err != nil {
				t.Fatal(err)
			}
			args := []string{file}
			if c.language == "go" {
				args = []string{"run", file}
			}
			if printed, err := s.run(c.program, args...); err != nil || printed != c.prints {
				t.Errorf("it prints %q, %v", printed, err)
			}
		})
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

// TestLogLinesThatAreExplainedAreInTheSource holds the tables of log lines against the texts
// of the programs.
func TestLogLinesThatAreExplainedAreInTheSource(t *testing.T) {
	texts := textsOf(t, "../..")
	for path, title := range map[string]string{operating: "Troubleshoot by log line", severalNodes: "Log lines"} {
		table, _ := section(t, path, title)
		rows := regexp.MustCompile("(?m)^\\| `([^`]*)` \\| [^|]+ \\| [^|]+ \\|$").FindAllStringSubmatch(table, -1)
		if len(rows) < 12 || len(rows) != strings.Count(table, "\n| `") {
			t.Fatalf("%d rows were found in %s", len(rows), path)
		}
		for _, row := range rows {
			if !strings.Contains(texts, row[1]) {
				t.Errorf("no program says %q", row[1])
			}
		}
	}
}

// textsOf returns the string literals of the source below a folder.
func textsOf(t *testing.T, root string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				text, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Error(err)
				}
				all.WriteString(text + "\x00")
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
