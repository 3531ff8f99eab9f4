package main

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"meterledger/internal/tools/soak/witness"
)

// printedMax is how many findings of a kind are printed; all are counted.
const printedMax = 20

// misbehaved is the kind of a finding that is no difference: an answer that cannot
// be right, or none where there must be one.
const misbehaved witness.Kind = "misbehaved"

// findings is everything that was wrong.
type findings struct {
	mu     sync.Mutex // guards all below
	out    io.Writer
	counts map[witness.Kind]int
	total  int
}

func newFindings(out io.Writer) *findings {
	return &findings{out: out, counts: make(map[witness.Kind]int)}
}

func (f *findings) violations(where string, wrong []witness.Violation) {
	for _, v := range wrong {
		f.add(v.Kind, where+": "+v.String())
	}
}

func (f *findings) misbehaved(format string, args ...any) {
	f.add(misbehaved, string(misbehaved)+": "+fmt.Sprintf(format, args...))
}

func (f *findings) add(kind witness.Kind, line string) {
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

func (f *findings) count(kind witness.Kind) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[kind]
}

// err is nil where nothing was wrong.
func (f *findings) err() error {
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
