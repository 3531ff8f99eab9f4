package programs

import (
	"flag"
	"fmt"
	"io"
	"text/tabwriter"
)

// Flags are the settings of a tool.
type Flags struct {
	*flag.FlagSet

	More func(table io.Writer) // writes what else stands in the help, if anything
}

// NewFlags returns flags whose help goes to out. What is wrong with a flag is told
// once, by whoever parses.
func NewFlags(tool, about string, out io.Writer) *Flags {
	f := &Flags{FlagSet: flag.NewFlagSet(tool, flag.ContinueOnError)}
	f.SetOutput(io.Discard)
	f.Usage = func() {
		fmt.Fprintf(out, "%s: %s\n\n", tool, about)
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "  FLAG\tDEFAULT\tMEANING")
		f.VisitAll(func(f *flag.Flag) { fmt.Fprintf(table, "  -%s\t%s\t%s\n", f.Name, f.DefValue, f.Usage) })
		if f.More != nil {
			f.More(table)
		}
		table.Flush()
	}
	return f
}

// Parse reads the flags; what is no flag is an error.
func (f *Flags) Parse(args []string) error {
	if err := f.FlagSet.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: every setting is a flag, -h lists them", f.Arg(0))
	}
	return nil
}
