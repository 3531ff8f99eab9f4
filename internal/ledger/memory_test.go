package ledger

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// TestTheLogSaysOnceAtEachMarkThatMemoryFillsUp registers meters until the store has taken
// what it may.
func TestTheLogSaysOnceAtEachMarkThatMemoryFillsUp(t *testing.T) {
	var lines bytes.Buffer
	m := newMemory(1<<20, slog.New(slog.NewTextHandler(&lines, nil)))
	m.store = store.New()
	for i := 0; !m.full(); i++ {
		account := meter.Account{ID: meter.ID(fmt.Sprint("M", i)), OwnerName: "Tan", Address: "Road"}
		if _, err := m.store.Apply(store.AppendAccount(nil, account), store.Verdicts{}); err != nil {
			t.Fatal(err)
		}
		m.look()
	}
	if m.max != 1<<20/100*80 {
		t.Errorf("the store may take %d bytes", m.max)
	}
	m.max *= 2 // as if half of it had been let go of
	m.look()
	m.look()
	var said []string
	for line := range strings.Lines(lines.String()) {
		for _, field := range strings.Fields(line) {
			if name, value, _ := strings.Cut(field, "="); name == "percent" || name == "below_percent" {
				said = append(said, field)
			} else if name == "level" {
				said = append(said, value)
			}
		}
	}
	want := []string{"WARN", "percent=70", "WARN", "percent=85", "WARN", "percent=95", "INFO", "below_percent=95"}
	if !slices.Equal(said, want) {
		t.Errorf("the log says %v, want %v", said, want)
	}
}

// TestWhatIsUnderWayCountsAsTaken grants a commit what the store may take.
func TestWhatIsUnderWayCountsAsTaken(t *testing.T) {
	m := newMemory(1<<20, slog.New(slog.DiscardHandler))
	m.store = store.New()
	for granted, want := range map[int64]bool{0: false, m.max - 1: false, m.max: true} {
		m.granted.Store(granted)
		if got := m.full(); got != want {
			t.Errorf("with %d bytes granted of %d it is full: %v", granted, m.max, got)
		}
	}
	if m = newMemory(0, nil); m.full() {
		t.Error("without a limit it is full")
	}
}
