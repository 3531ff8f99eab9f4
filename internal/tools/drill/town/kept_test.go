package town

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"meterledger/internal/tools/witness"
)

func fixed() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// csv writes what is kept in a span.
func (k kept) csv(h *home, span witness.Span) string {
	var b strings.Builder
	b.WriteString(witness.CSVHeader + "\n")
	for _, stamp := range slices.Sorted(maps.Keys(k)) {
		if span.From <= stamp && stamp <= span.To {
			fmt.Fprintf(&b, "%s,%s,%s\n", h.account.Meter, stamp, k[stamp])
		}
	}
	return b.String()
}

// writeArchives writes all months as they are kept. The days are right, so that
// only the months lie.
func writeArchives(t *testing.T, town *Town, k kept, h *home) (folder string) {
	t.Helper()
	folder = t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, month := range town.Calendar.Months {
		write("monthly_"+month+".csv", k.csv(h, monthOf(month)))
	}
	for _, day := range town.Calendar.Days {
		write("daily_"+day+".csv", witness.CSVHeader+"\n")
	}
	return folder
}

// wantOne wants one finding of a kind, or none.
func wantOne(t *testing.T, f *witness.Findings, kind witness.Kind) {
	t.Helper()
	want := 1
	if kind == "" {
		want = 0
	}
	total := 0
	for _, each := range witness.Kinds {
		total += f.Count(each)
	}
	if total != want || kind != "" && f.Count(kind) != 1 {
		t.Errorf("found %d, want one %q", total, kind)
	}
	if failed := f.Err() != nil; failed != (want == 1) {
		t.Errorf("the tool fails: %v", failed)
	}
}
