// Mutants breaks the program on purpose, one way after another, and expects tests
// to turn red.
//
//	go run ./internal/tools/mutants
//
// The table says what each mutant changes, and which tests must find it out. The
// changed files are put before the compiler with go's -overlay; the tree is never
// touched. A text to be changed that is not found exactly once is an error, as is
// a test that is red, or missing, without any mutant. The exit status is 1 where a
// mutant survives.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"meterledger/internal/tools/suite/programs"
)

func main() { programs.Main("mutants", run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	flags.SetOutput(stderr)
	root := flags.String("root", ".", "the top folder of the module")
	only := flags.String("run", "", "try only mutants whose name matches this regular expression")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: -h lists the settings", flags.Arg(0))
	}
	chosen, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	var mutants []mutant
	for _, m := range table() {
		if chosen.MatchString(m.name) {
			mutants = append(mutants, m)
		}
	}
	return try(ctx, *root, mutants, stdout)
}

// try tries mutants one after another and prints a line for each.
func try(ctx context.Context, root string, mutants []mutant, stdout io.Writer) error {
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return fmt.Errorf("making a folder for the changed files: %w", err)
	}
	defer os.RemoveAll(dir)
	started := time.Now()
	if err := requireGreen(ctx, root, mutants); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "all tests are green without mutants (%s)\n", time.Since(started).Round(time.Second))
	var wrong []error
	survived := 0
	for _, m := range mutants {
		caught, took, err := m.try(ctx, root, dir)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fate := "caught by " + strings.Join(caught, ", ")
		switch {
		case err != nil:
			fate = "NOT TRIED"
			wrong = append(wrong, fmt.Errorf("%s: %w", m.name, err))
		case len(caught) == 0:
			survived++
			fate = "SURVIVED " + strings.Join(m.tests, ", ")
			wrong = append(wrong, fmt.Errorf("%s: no test noticed", m.name))
		}
		fmt.Fprintf(stdout, "%-60s %4.1fs  %s\n", m.name, took.Seconds(), fate)
	}
	fmt.Fprintf(stdout, "%d mutants, %d survived (%s)\n", len(mutants), survived, time.Since(started).Round(time.Second))
	return errors.Join(wrong...)
}

// requireGreen makes sure that the tests of all mutants are there and pass, so that
// what turns red later does so because of a mutant.
func requireGreen(ctx context.Context, root string, mutants []mutant) error {
	named := make(map[string][]string)
	for _, m := range mutants {
		named[m.folder] = append(named[m.folder], m.tests...)
	}
	for folder, tests := range named {
		result, err := runTests(ctx, root, folder, tests, "")
		if err != nil {
			return err
		}
		for _, test := range tests {
			if result[test] != passed {
				return fmt.Errorf("%s of %s is %s without any mutant: mend it or the table", test, folder, result[test])
			}
		}
	}
	return nil
}
