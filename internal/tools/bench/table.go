package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// printTable aligns words to the left, and figures, the columns between the first
// and the last two, to the right.
func printTable(out io.Writer, cells [][]string) error {
	widths := make([]int, len(cells[0]))
	for _, row := range cells {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range cells {
		var b strings.Builder
		for i, cell := range row {
			blanks := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if isFigure := i > 0 && i < len(row)-2; isFigure {
				b.WriteString(blanks + cell + "  ")
			} else {
				b.WriteString(cell + blanks + "  ")
			}
		}
		if _, err := fmt.Fprintln(out, strings.TrimRight(b.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}
