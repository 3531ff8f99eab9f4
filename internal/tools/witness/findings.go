package witness

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// printedMax is how many findings of a kind are printed; all are counted.
const printedMax = 20

// Misbehaved is the kind of a finding that is no difference: an answer that cannot
// be right, or none where there must be one.
const Misbehaved Kind = "misbehaved"

// Findings is everything that was wrong.
type Findings struct {
	mu     sync.Mutex // guards all below
	out    io.Writer
	counts map[Kind]int
	total  int
}

// NewFindings returns findings that are printed to out.
func NewFindings(out io.Writer) *Findings {
	return &Findings{out: out, counts: make(map[Kind]int)}
}

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
	f.total++
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
	if f.total == 0 {
		return nil
	}
	return errors.New(plural(f.total, "thing") + " wrong")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
