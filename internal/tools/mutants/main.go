// Mutants puts faults into the program on purpose, one after another, and expects the tests of a package to
// fail. The faults are conditions of internal/mutant that exist only with the build tag mutants. Tests that
// fail without a fault are an error. The exit status is 1 if a fault survives.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"meterledger/internal/tools/suite/programs"
)

// mutant is a fault, by its name in internal/mutant, and the package whose tests must notice it: those that match a
// pattern, or all.
type mutant struct{ name, tests, only string }

// simulation is the test of several nodes by seeds.
const simulation = "ThreeNodesKeepOneOrder"

// table is one fault for each way in which what was acknowledged could be lost or bent, or told to
// whom it is not for.
var table = []mutant{
	{"answered-before-fsync", "./internal/journal", ""},
	{"snapshot-not-read-back", "./internal/snapshot", ""},
	{"decrease-accepted", "./internal/store", ""},
	{"late-reading-forgotten", "./internal/store", ""},
	{"exchange-not-closed", "./internal/store", ""},
	{"correction-undone", "./internal/store", ""},
	{"replaced-unannounced", "./internal/node", ""},
	{"expiry-ignored", "./internal/access", ""},
	{"role-loosened", "./internal/rest", ""},
	{"owner-unchecked", "./internal/rest", ""},
	{"absence-compared", "./internal/node", simulation},
	{"answered-before-applied", "./internal/node", simulation},
	{"barrier-shared-late", "./internal/node", simulation},
	{"cut-with-one-copy", "./internal/node", simulation},
	{"fence-dropped", "./internal/node", simulation},
	{"folder-untidied", "./internal/node", simulation},
	{"hold-outlives-term", "./internal/node", simulation},
	{"hold-without-id", "./internal/node", simulation},
	{"missing-believed", "./internal/node", simulation},
	{"other-term-taken", "./internal/node", simulation},
	{"ours-overlooked", "./internal/node", simulation},
	{"run-sent-again", "./internal/node", simulation},
	{"tidied-by-stale-list", "./internal/node", simulation},
}

func main() { programs.Main("mutants", run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := programs.NewFlags("mutants", "puts faults into the program, each of which a test must notice", stderr)
	root := flags.String("root", ".", "the top folder of the module")
	if err := programs.Parse(flags, args); err != nil {
		return err
	}
	return try(ctx, *root, table, stdout)
}

// try tries mutants one after another and prints a line for each.
func try(ctx context.Context, root string, mutants []mutant, stdout io.Writer) error {
	green := make(map[mutant]bool)
	var wrong []error
	for _, m := range mutants {
		started := time.Now()
		if none := (mutant{tests: m.tests, only: m.only}); !green[none] {
			if output, err := test(ctx, root, none); err != nil {
				return fmt.Errorf("the tests of %s are red without any fault: %w\n%s", m.tests, err, output)
			}
			green[none] = true
		}
		output, err := test(ctx, root, m)
		var exit *exec.ExitError
		fate := "caught by " + firstRed(output)
		switch {
		case err == nil:
			fate = "SURVIVED " + m.tests
			wrong = append(wrong, fmt.Errorf("%s: no test noticed", m.name))
		case ctx.Err() != nil || !errors.As(err, &exit):
			return errors.Join(err, ctx.Err())
		}
		fmt.Fprintf(stdout, "%-25s %5.1fs  %s\n", m.name, time.Since(started).Seconds(), fate)
	}
	return errors.Join(wrong...)
}

// test runs a package's tests with a fault. The tag in GOFLAGS also reaches the programs that tests build.
func test(ctx context.Context, root string, m mutant) (output []byte, err error) {
	command := exec.CommandContext(ctx, "go", "test", "-count=1", "-failfast", "-vet=off", "-run="+m.only, m.tests)
	command.Dir = root
	command.Env = append(os.Environ(), "MUTANT="+m.name, strings.TrimSpace("GOFLAGS="+os.Getenv("GOFLAGS")+" -tags=mutants"))
	return command.CombinedOutput()
}

var redLine = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)

// firstRed returns the first test that failed, or says what ended them all.
func firstRed(output []byte) string {
	if match := redLine.FindSubmatch(output); match != nil {
		return string(match[1])
	}
	return "the end of the test's process"
}
