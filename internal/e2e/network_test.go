package e2e

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The sections in which the suite runs with credentials and TLS.
const (
	onANetwork = "On a network"
	lettingIn  = "Let callers in"
)

// makeRun is the line with which a section starts the suite, and the settings before it.
var makeRun = regexp.MustCompile(`(?m)^((?:[A-Z_]+=\S+ )+)make run$`)

// TestSuiteOnANetworkDoesWhatTheDocumentsShow goes through both: what comes before the start is
// run, then the suite is started with the settings that stand there, and the rest is pasted.
func TestSuiteOnANetworkDoesWhatTheDocumentsShow(t *testing.T) {
	for _, tt := range []struct {
		document, title string
		tools           []string
		commands        int // in all
	}{
		{readme, onANetwork, []string{"go"}, 6},
		{operating, lettingIn, []string{"openssl"}, 9},
	} {
		t.Run(tt.title, func(t *testing.T) {
			needTools(t, append(tt.tools, "sh", "curl")...)
			text, _ := section(t, tt.document, tt.title)
			start := makeRun.FindStringSubmatchIndex(text)
			if start == nil {
				t.Fatal("there is no line that starts the suite")
			}
			folder := t.TempDir()
			before := commandsOf(text[:start[0]])
			for _, command := range before {
				shell := exec.Command("sh", "-c", command)
				shell.Dir = folder
				if printed, err := shell.CombinedOutput(); err != nil {
					t.Fatalf("$ %s\n%v: %s", command, err, printed)
				}
			}
			s := startSuiteIn(t, folder, settingsIn(folder, text[start[2]:start[3]])...)
			s.paste(text[start[1]:], tt.commands-len(before)-1)
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// commandsOf returns the commands of a text, those of its sh blocks too.
func commandsOf(text string) (commands []string) {
	for _, step := range readSession(text) {
		commands = append(commands, step.command)
	}
	if _, block, found := strings.Cut(text, "```sh\n"); found {
		for line := range strings.Lines(strings.TrimSuffix(block, "```\n")) {
			commands = append(commands, strings.TrimSpace(line))
		}
	}
	return commands
}

// settingsIn returns settings such as AUTH=on TLS_KEY=key.pem, with their files in a folder.
func settingsIn(folder, line string) (environment []string) {
	for _, setting := range strings.Fields(line) {
		name, value, _ := strings.Cut(setting, "=")
		if name != "AUTH" {
			value = filepath.Join(folder, value)
		}
		environment = append(environment, name+"="+value)
	}
	return environment
}
