package e2e

import (
	"errors"
	"fmt"
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
	s := startSuite(t)
	s.paste("../../README.md", 10)
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

// paste runs the commands of a document, which must have so many at least.
func (s *suite) paste(document string, atLeast int) {
	s.t.Helper()
	for _, tool := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			s.t.Skipf("skipped: the commands of %s need %s, which is not installed", document, tool)
		}
	}
	steps := readSession(s.t, document)
	if len(steps) < atLeast {
		s.t.Fatalf("only %d commands found in %s", len(steps), document)
	}
	for _, step := range steps {
		got, err := s.run("sh", "-c", step.command)
		if err != nil {
			s.t.Errorf("$ %s\n%v", step.command, err)
		}
		if !step.answer.MatchString(got) {
			s.t.Errorf("$ %s\ngot  %s\nwant %s", step.command, got, step.answer)
		}
	}
}

// run runs a command where a reader of a document would: the programs are in bin and listen
// on their default addresses, and their folders are named by default.
func (s *suite) run(name string, args ...string) (printed string, err error) {
	for i, arg := range args {
		args[i] = s.here(arg)
	}
	folder := filepath.Dir(s.archive)
	command := exec.Command(name, args...)
	command.Dir = folder
	got, err := command.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	return strings.TrimSpace(strings.ReplaceAll(string(got), folder+string(filepath.Separator), "")), err
}

// here replaces the default addresses by those of the suite.
func (s *suite) here(text string) string {
	host := func(url string) string { return strings.TrimPrefix(url, "http://") }
	return strings.NewReplacer("localhost:8000", host(s.API.URL), "localhost:8001", host(s.Daily.URL), "localhost:8002", host(s.Monthly.URL)).Replace(text)
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
