package importtest_test

import (
	"os/exec"
	"strings"
	"testing"
)

// small are the programs that hold no readings, and need not know how those are kept. Package e2e, which
// builds them, checks their size.
var small = []string{"daily", "monthly"}

func TestDailyAndMonthlyLinkNothingThatKeepsReadings(t *testing.T) {
	for _, program := range small {
		command := exec.Command("go", "list", "-deps", "./cmd/"+program)
		command.Dir = "../.."
		out, err := command.Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		list := string(out)
		if !strings.Contains(list, module+"internal/client\n") {
			t.Fatalf("%s does not link the client of the api: its list is wrong", program)
		}
		for line := range strings.Lines(list) {
			name := strings.TrimSpace(line)
			room, isOurs := strings.CutPrefix(name, module+"internal/")
			if strings.Contains(name, "cockroachdb") || strings.Contains(name, "etcd") || isOurs && keepsReadings(room) {
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
