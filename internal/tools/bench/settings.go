package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"meterledger/internal/tools/suite/programs"
)

// settings are the tool's flags.
type settings struct {
	bin, tools, dir, root, json string

	quick bool
	rows  []row
}

func parseSettings(args []string, out io.Writer) (settings, error) {
	var s settings
	flags := programs.NewFlags("bench", "measures the api against named floors, in one table", out)
	flags.StringVar(&s.bin, "bin", "bin", "folder that holds the binary of the api")
	flags.StringVar(&s.tools, "tools", "bin/tools", "folder that holds the binary of the floor")
	flags.StringVar(&s.root, "root", ".", "the top folder of the module, for what is measured as a Go benchmark")
	flags.StringVar(&s.dir, "dir", ".bench", "folder of the benchmark's own, on the disk to be measured")
	flags.StringVar(&s.json, "json", "", "file to write the table to as JSON; bench.json in -dir by default")
	flags.BoolVar(&s.quick, "quick", false, "tiny sizes, seconds in all: shows that the tool works and measures nothing")
	only := flags.String("only", "", "rows to measure, with commas between them; all by default")
	flags.More = func(table io.Writer) {
		fmt.Fprintln(table, "\n  ROW\t\tWHAT IS MEASURED")
		for _, r := range rows {
			fmt.Fprintf(table, "  %s\t\t%s\n", r.name, r.about)
		}
	}
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if s.json == "" {
		s.json = filepath.Join(s.dir, "bench.json")
	}
	if s.rows = rows; *only != "" {
		s.rows = nil
		for name := range strings.SplitSeq(*only, ",") {
			i := slices.IndexFunc(rows, func(r row) bool { return r.name == name })
			if i < 0 {
				return s, fmt.Errorf("-only: there is no row %q, -h lists them", name)
			}
			s.rows = append(s.rows, rows[i])
		}
	}
	return s, nil
}
