package importtest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// small are the programs that hold no readings, and need not know how those are kept.
var small = []string{"daily", "monthly"}

const smallBytesMax = 15_000_000 // by plain go build

func run(t *testing.T, arguments ...string) string {
	t.Helper()
	command := exec.Command("go", arguments...)
	command.Dir = "../.."
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go %s: %v", strings.Join(arguments, " "), err)
	}
	return string(out)
}

func TestDailyAndMonthlyLinkNothingThatKeepsReadings(t *testing.T) {
	for _, program := range small {
		list := run(t, "list", "-deps", "./cmd/"+program)
		if !strings.Contains(list, module+"internal/client\n") {
			t.Fatalf("%s does not link the client of the api: its list is wrong", program)
		}
		for line := range strings.Lines(list) {
			name := strings.TrimSpace(line)
			room, isOurs := strings.CutPrefix(name, module+"internal/")
			if strings.Contains(name, "cockroachdb") || isOurs && keepsReadings(room) {
				t.Errorf("%s links %s; go mod why -m and go list -deps say through what", program, name)
			}
		}
	}
}

func keepsReadings(room string) bool {
	switch room {
	case "chain", "journal", "snapshot", "store", "archive", "billing", "ledger", "query", "closing", "durable":
		return true
	}
	return false
}

func TestDailyAndMonthlyAreSmall(t *testing.T) {
	folder := t.TempDir()
	for _, program := range small {
		run(t, "build", "-o", folder, "./cmd/"+program)
		built, err := os.Stat(filepath.Join(folder, program))
		if err != nil {
			t.Fatal(err)
		}
		if built.Size() >= smallBytesMax {
			t.Errorf("%s has %d bytes, %d at most are allowed; go tool nm -size -sort size says of what", program, built.Size(), smallBytesMax)
		}
	}
}
