package main

import (
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

// settings are the tool's flags.
type settings struct {
	bin   string
	dir   string
	json  string
	quick bool
	sizes sizes
	rows  []row
}

func parseSettings(args []string, out io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // an error is told once, by the caller
	flags.Usage = func() { usage(flags, out) }
	flags.StringVar(&s.bin, "bin", "bin", "folder that holds the binary of the api")
	flags.StringVar(&s.dir, "dir", ".bench", "folder of the benchmark's own, on the disk to be measured")
	flags.StringVar(&s.json, "json", "", "file to write the table to as JSON; bench.json in -dir by default")
	flags.BoolVar(&s.quick, "quick", false, "tiny sizes, seconds in all: shows that the tool works and measures nothing")
	only := flags.String("only", "", "rows to measure, with commas between them; all by default")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q: every setting is a flag, -h lists them", flags.Arg(0))
	}
	s.sizes = fullSizes
	if s.quick {
		s.sizes = quickSizes
	}
	if s.json == "" {
		s.json = filepath.Join(s.dir, "bench.json")
	}
	var err error
	s.rows, err = chosen(*only)
	return s, err
}

func chosen(only string) ([]row, error) {
	if only == "" {
		return rows, nil
	}
	var some []row
	for name := range strings.SplitSeq(only, ",") {
		found := false
		for _, r := range rows {
			if r.name == name {
				some, found = append(some, r), true
			}
		}
		if !found {
			return nil, fmt.Errorf("-only: there is no row %q, -h lists them", name)
		}
	}
	return some, nil
}

func usage(flags *flag.FlagSet, out io.Writer) {
	fmt.Fprint(out, "bench: measures the api against named floors, in one table\n\n")
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  FLAG\tDEFAULT\tMEANING")
	flags.VisitAll(func(f *flag.Flag) { fmt.Fprintf(table, "  -%s\t%s\t%s\n", f.Name, f.DefValue, f.Usage) })
	fmt.Fprintln(table, "\n  ROW\t\tWHAT IS MEASURED")
	for _, r := range rows {
		fmt.Fprintf(table, "  %s\t\t%s\n", r.name, r.about)
	}
	table.Flush()
}
