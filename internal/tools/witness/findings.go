package witness

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"sync"

	"meterledger/internal/meter"
)

// Kind is what is wrong.
type Kind string

// The kinds of what is wrong.
const (
	Lost       Kind = "lost"       // it was acknowledged, and is not there
	Altered    Kind = "altered"    // it is there with another value
	Invented   Kind = "invented"   // it is there, and nobody can have sent it
	Doubled    Kind = "doubled"    // it is there twice
	Misbehaved Kind = "misbehaved" // an answer cannot be right, or there is none
)

// Kinds are all of them.
var Kinds = []Kind{Lost, Altered, Invented, Doubled, Misbehaved}

// Violation is a difference between what was told and what is there.
type Violation struct {
	Kind      Kind
	Meter     meter.ID
	Stamp     string // of the reading, or "account"
	Want, Got string // "" if there is or must be nothing
}

func (v Violation) String() string {
	return fmt.Sprintf("%s: meter %s, %s: want %s, got %s", v.Kind, v.Meter, v.Stamp, cmp.Or(v.Want, "nothing"), cmp.Or(v.Got, "nothing"))
}

// printedMax is how many findings of a kind are printed; all are counted.
const printedMax = 20

// Findings is everything that was wrong.
type Findings struct {
	mu     sync.Mutex // guards all below
	out    io.Writer
	counts map[Kind]int
}

// NewFindings returns findings that are printed to out.
func NewFindings(out io.Writer) *Findings { return &Findings{out: out, counts: make(map[Kind]int)} }

// Violations adds differences that were found somewhere.
func (f *Findings) Violations(where string, wrong []Violation) {
	for _, v := range wrong {
		f.add(v.Kind, where+": "+v.String())
	}
}

// Misbehaved adds what is wrong without being a difference.
func (f *Findings) Misbehaved(format string, args ...any) {
	f.add(Misbehaved, string(Misbehaved)+": "+fmt.Sprintf(format, args...))
}

func (f *Findings) add(kind Kind, line string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[kind]++
	if f.counts[kind] <= printedMax {
		fmt.Fprintf(f.out, "WRONG %s\n", line)
	}
	if f.counts[kind] == printedMax {
		fmt.Fprintf(f.out, "WRONG any more that is %s is only counted\n", kind)
	}
}

// Count returns how many of a kind were found.
func (f *Findings) Count(kind Kind) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[kind]
}

// Err is nil if nothing was wrong.
func (f *Findings) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	total := 0
	for _, n := range f.counts {
		total += n
	}
	if total == 0 {
		return nil
	}
	return fmt.Errorf("%d findings are marked with WRONG", total)
}

// CSVHeader is the first line of readings as CSV.
const CSVHeader = "meter_id,timestamp,reading"

const stampLayout = "2006-01-02T15:04:05"

// ReadCSV reads a header and unquoted rows, and nothing else. After an error it returns the rows before it.
func ReadCSV(text []byte) (found []Reading, err error) {
	header, rows, _ := strings.Cut(string(text), "\n")
	if header != CSVHeader {
		return nil, fmt.Errorf("the header is %q, not %q", header, CSVHeader)
	}
	for line := range strings.Lines(rows) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), ",")
		if len(fields) != 3 || len(fields[1]) < len(stampLayout) {
			return found, fmt.Errorf("row %d is %q, not %s", len(found)+1, line, CSVHeader)
		}
		found = append(found, Reading{Meter: meter.ID(fields[0]), Stamp: fields[1], Register: fields[2]})
	}
	return found, nil
}

// CSV writes a reading as a row, without the line end.
func (r Reading) CSV() string { return string(r.Meter) + "," + r.Stamp + "," + r.Register }
