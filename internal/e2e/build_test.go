package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// ourFolders is a template for go list: the folders of packages of this module.
const ourFolders = `{{with .Module}}{{if .Main}}{{$.Dir}}{{end}}{{end}}`

// buildPrograms builds api, daily and monthly into the folder of the binaries, once.
//
// go test keeps a result for as long as nothing has changed that went into the test
// or that the test opened. It knows nothing of a compiler that the test starts, so
// a result would outlive the programs that it is about. Therefore the folders that
// the programs are made of are opened here. Only what a test opens counts, not what
// its TestMain does.
func buildPrograms(t *testing.T) {
	t.Helper()
	build.Do(func() {
		if err := buildInto(binaries); err != nil {
			t.Fatalf("building the programs: %v", err)
		}
	})
}

func buildInto(folder string) error {
	found, err := goTool("list", "-deps", "-f", ourFolders, "meterledger/cmd/...")
	if err != nil {
		return err
	}
	for source := range strings.Lines(found) {
		if _, err := os.ReadDir(strings.TrimSpace(source)); err != nil {
			return err
		}
	}
	_, err = goTool("build", "-o", folder, "meterledger/cmd/...")
	return err
}

func goTool(args ...string) (string, error) {
	out, err := exec.Command("go", args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("go %s: %w\n%s", args[0], err, exit.Stderr)
	}
	return string(out), err
}

// smallBytesMax is the largest that daily and monthly may be, which hold no readings, by plain go build.
const smallBytesMax = 15_000_000

func TestDailyAndMonthlyAreSmall(t *testing.T) {
	buildPrograms(t)
	for _, program := range []string{"daily", "monthly"} {
		built, err := os.Stat(filepath.Join(binaries, program))
		if err != nil {
			t.Fatal(err)
		}
		if built.Size() >= smallBytesMax {
			t.Errorf("%s has %d bytes, %d at most are allowed; go tool nm -size -sort size says of what", program, built.Size(), smallBytesMax)
		}
	}
}
