package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"text/tabwriter"
)

// ErrVersion says that the version was requested and is printed: the program has nothing
// more to do.
var ErrVersion = errors.New("the version was asked for")

// SettingError is a setting with which a program cannot start. It prints as one line that
// names the setting and says what to do.
type SettingError struct {
	Setting string // -addr or API_ADDR; empty if it is not one setting
	Problem string
}

func (e *SettingError) Error() string {
	if e.Setting == "" {
		return e.Problem
	}
	return e.Setting + ": " + e.Problem
}

// setting is one line of a program's manual. set checks and keeps a value.
type setting struct {
	flag, env, fallback, meaning string
	set                          func(string) error
}

// value is that of a flag which may stand alone.
type value struct{ given, alone string }

func (v *value) String() string   { return v.given }
func (v *value) IsBoolFlag() bool { return true }

func (v *value) Set(s string) error {
	if v.given = s; s == "true" { // which package flag gives to a flag without a value
		v.given = v.alone
	}
	return nil
}

func into[T any](field *T, parse func(string) (T, error)) func(string) error {
	return func(s string) (err error) {
		*field, err = parse(s)
		return err
	}
}

// settings is the manual of one program.
type settings struct {
	program, summary string
	getenv           func(string) string
	all              []setting
	alone            map[string]string // by flag: what one that may stand without a value means then
	asked            []question
}

// question is a flag without a value, which has the program do something else than serve.
type question struct {
	flag, meaning string
	is            *bool
}

func (s *settings) add(one setting) { s.all = append(s.all, one) }

func (s *settings) load(args []string, out io.Writer) error {
	flags := flag.NewFlagSet(s.program, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the caller logs errors
	version := flags.Bool("version", false, "")
	for _, q := range s.asked {
		flags.BoolVar(q.is, q.flag, false, q.meaning)
	}
	for _, one := range s.all {
		if alone, may := s.alone[one.flag]; may {
			flags.Var(&value{alone: alone}, one.flag, one.meaning)
			continue
		}
		flags.String(one.flag, "", one.meaning)
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		s.printHelp(out)
		return err
	case err != nil:
		s.readOn(flags)
		return &SettingError{Problem: err.Error() + "; -h lists every setting"}
	case flags.NArg() > 0:
		unexpected := flags.Arg(0)
		s.readOn(flags)
		return &SettingError{Problem: fmt.Sprintf("unexpected argument %q: every setting is a flag, -h lists them", unexpected)}
	case *version:
		fmt.Fprintln(out, s.program, Version())
		return ErrVersion
	}
	return s.set(flags)
}

// readOn reads what it can after a wrong argument: how the error is to be logged may be there.
func (s *settings) readOn(flags *flag.FlagSet) {
	for rest := flags.Args(); len(rest) > 0; {
		err := flags.Parse(rest)
		if rest = flags.Args(); err == nil && len(rest) > 0 {
			rest = rest[1:]
		}
	}
	_ = s.set(flags) // the first error is the one that is told
}

// set gives each setting its value: that of the flag, the environment or the default. It
// returns the first error, and goes on: how that is to be logged is a setting too.
func (s *settings) set(flags *flag.FlagSet) (first error) {
	given := map[string]string{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = f.Value.String() })
	for _, one := range s.all {
		value, isFlag := given[one.flag]
		name := "-" + one.flag
		if !isFlag {
			value, name = s.getenv(one.env), one.env
		}
		if !isFlag && value == "" {
			value = one.fallback
		}
		if err := one.set(value); err != nil && first == nil {
			first = &SettingError{Setting: name, Problem: err.Error()}
		}
	}
	return first
}

func (s *settings) printHelp(out io.Writer) {
	fmt.Fprintf(out, "%s: %s\n\n", s.program, s.summary)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  FLAG\tENVIRONMENT\tDEFAULT\tMEANING")
	for _, one := range s.all {
		fmt.Fprintf(table, "  -%s\t%s\t%s\t%s\n", one.flag, one.env, one.fallback, one.meaning)
	}
	for _, q := range s.asked {
		fmt.Fprintf(table, "  -%s\t\t\t%s\n", q.flag, q.meaning)
	}
	fmt.Fprintln(table, "  -version\t\t\tprint version, commit and Go version, and exit")
	fmt.Fprintln(table, "  -h\t\t\tprint this, and exit")
	table.Flush()
	fmt.Fprintln(out, "\nA flag wins over its environment variable; an empty variable counts as not set.")
}
