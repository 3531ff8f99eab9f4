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
	"time"
)

// TestReadmeSessionGivesWhatItShows pastes the README's commands into a shell, in
// order, and compares what they print. "…" in the README stands for anything.
func TestReadmeSessionGivesWhatItShows(t *testing.T) {
	_, rest := section(t, readme, onANetwork)
	s := startSuite(t)
	s.paste(rest, 10)
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

const readme = "../../README.md"

// section returns the section of a document with a title, and the rest of the document.
func section(t *testing.T, path, title string) (section, rest string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, from, found := strings.Cut(string(content), "\n## "+title+"\n")
	if !found {
		t.Fatalf("%s has no section %q", path, title)
	}
	section, after, _ := strings.Cut(from, "\n## ")
	return section, before + "\n## " + after
}

// paste runs the commands of a text, which must have so many at least.
func (s *suite) paste(text string, atLeast int) {
	s.t.Helper()
	needTools(s.t, "sh", "curl")
	steps := readSession(text)
	if len(steps) < atLeast {
		s.t.Fatalf("only %d commands found", len(steps))
	}
	for _, step := range steps {
		got, err := s.run("sh", "-c", step.command)
		for began := time.Now(); !step.answer.MatchString(got) && step.isQuestion() && time.Since(began) < settledMax; {
			got, err = s.run("sh", "-c", step.command)
		}
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
	return strings.NewReplacer("localhost:8000", s.API.Host(), "localhost:8001", s.Daily.Host(), "localhost:8002", s.Monthly.Host()).Replace(text)
}

type sessionStep struct {
	command string
	answer  *regexp.Regexp
}

// settledMax is how long a question may be answered otherwise than shown: a refused reading is kept, and so is an exception,
// a moment after the meter was answered, which nobody who types sees.
const settledMax = 5 * time.Second

func (s sessionStep) isQuestion() bool {
	return strings.HasPrefix(s.command, "curl ") && !strings.Contains(s.command, " -X")
}

// needTools skips a test if a program is not there that the commands of a document need.
func needTools(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("skipped: %s is not installed", tool)
		}
	}
}

// readSession finds the commands in a text's console blocks, each with the
// lines that it shows as their answer.
func readSession(text string) []sessionStep {
	var steps []sessionStep
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(text, -1) {
		for _, part := range strings.Split("\n"+block[1], "\n$ ")[1:] {
			command, answer, _ := strings.Cut(part, "\n")
			pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(answer)), "…", `[^"]*`)
			steps = append(steps, sessionStep{command, regexp.MustCompile(`\A` + pattern + `\z`)})
		}
	}
	return steps
}
