package rest

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"meterledger/internal/meter"
)

// TestRowsAtHandAreThoseThatAreReadOneByOne reads lines of which some are plain objects.
func TestRowsAtHandAreThoseThatAreReadOneByOne(t *testing.T) {
	zone, plain := loadSingapore(t), `{"meter_id":"A","timestamp":"2026-11-23T00:30:00","reading":%d}`
	var lines strings.Builder
	for n := range 20 {
		fmt.Fprintf(&lines, plain+"\n", n)
		switch n % 5 {
		case 1:
			lines.WriteString("\n \r\n")
		case 2:
			lines.WriteString(`{"meter_id":"B"` + "}\n")
		case 3:
			fmt.Fprintf(&lines, " "+plain+"\r\n", n)
		case 4:
			fmt.Fprintf(&lines, plain+strings.Repeat(" ", meter.RowBytesMax)+"\n", n)
		}
	}
	fmt.Fprintf(&lines, plain, 20) // without an end
	text := lines.String()
	read := func(in io.Reader, block []meter.Row) (rows []string, together int) {
		from := newNDJSONRows(in, zone)
		for {
			n := from.AtHand(block)
			for _, r := range block[:n] {
				rows = append(rows, fmt.Sprintf("%s %d %v", r.Meter, r.Slot, r.Register))
			}
			if together += n; from.Row() != len(rows) {
				t.Fatalf("%d rows were at hand, and the last of %d is called %d", n, len(rows), from.Row())
			}
			r, err := from.Next()
			if errors.Is(err, io.EOF) {
				return rows, together
			}
			if err != nil {
				rows = append(rows, err.Error())
				continue
			}
			rows = append(rows, fmt.Sprintf("%s %d %v", r.Meter, r.Slot, r.Register))
		}
	}
	want, _ := read(strings.NewReader(text), nil)
	for _, size := range []int{1, 3, 100} {
		got, together := read(strings.NewReader(text), make([]meter.Row, size))
		if !slices.Equal(got, want) || together == 0 {
			t.Errorf("%d together, of which %d were at hand:\n got %q\nwant %q", size, together, got, want)
		}
		if got, _ := read(iotest.OneByteReader(strings.NewReader(text)), make([]meter.Row, size)); !slices.Equal(got, want) {
			t.Errorf("%d together, byte by byte:\n got %q\nwant %q", size, got, want)
		}
	}
	if len(want) != 33 || !strings.Contains(strings.Join(want, "\n"), "longer than") {
		t.Errorf("%d rows: %q", len(want), want)
	}
}
