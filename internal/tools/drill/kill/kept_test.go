package kill

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"meterledger/internal/meter"
	"meterledger/internal/tools/suite/programs"
	"meterledger/internal/tools/witness"
)

type meterID = meter.ID

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
func writeArchives(t *testing.T, g *generation, k kept, h *home) {
	t.Helper()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(programs.ArchiveDir(g.folder), name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(programs.ArchiveDir(g.folder), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, month := range g.calendar.months {
		write("monthly_"+month+".csv", k.csv(h, monthOf(month)))
	}
	for _, day := range g.calendar.days {
		write("daily_"+day+".csv", witness.CSVHeader+"\n")
	}
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
