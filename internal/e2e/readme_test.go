package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeSessionGivesWhatItShows pastes the README's commands into a shell, in
// order, and compares what they print. "…" in the README stands for anything.
func TestReadmeSessionGivesWhatItShows(t *testing.T) {
	for _, tool := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("skipped: the README's session needs %s, which is not installed", tool)
		}
	}
	s := startSuite(t)
	steps := readSession(t, "../../README.md")
	if len(steps) < 10 {
		t.Fatalf("only %d commands found in the README", len(steps))
	}
	here := strings.NewReplacer("localhost:8000", s.API.URL, "localhost:8001", s.Daily.URL, "localhost:8002", s.Monthly.URL)
	for _, step := range steps {
		shell := exec.Command("sh", "-c", here.Replace(step.command))
		shell.Dir = filepath.Dir(s.archive)
		got, err := shell.Output()
		if err != nil {
			t.Errorf("$ %s\n%v", step.command, err)
		}
		printed := strings.TrimSpace(strings.ReplaceAll(string(got), s.archive, "Archive"))
		if !step.answer.MatchString(printed) {
			t.Errorf("$ %s\ngot  %s\nwant %s", step.command, printed, step.answer)
		}
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

type sessionStep struct {
	command string
	answer  *regexp.Regexp
}

// readSession finds the commands in a document's console blocks, each with the
// lines that it shows as their answer.
func readSession(t *testing.T, path string) []sessionStep {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var steps []sessionStep
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for _, part := range strings.Split("\n"+block[1], "\n$ ")[1:] {
			command, answer, _ := strings.Cut(part, "\n")
			pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(answer)), "…", `[^"]*`)
			steps = append(steps, sessionStep{command, regexp.MustCompile(`\A` + pattern + `\z`)})
		}
	}
	return steps
}
