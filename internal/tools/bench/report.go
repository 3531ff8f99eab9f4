package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"meterledger/internal/config"
)

// report is the table, and what one must know of the machine to believe it.
type report struct {
	When       time.Time `json:"when"`
	Took       string    `json:"took"`
	Version    string    `json:"version"`
	CPUs       int       `json:"cpus"`
	OthersUsed float64   `json:"others_used"` // CPUs that other processes kept busy meanwhile, on average
	Quick      bool      `json:"quick"`       // true: the figures mean nothing
	Lines      []line    `json:"lines"`

	busyBefore time.Duration
}

func newReport(quick bool) *report {
	return &report{
		When: time.Now().Round(time.Second), Version: config.Version(), CPUs: runtime.NumCPU(), Quick: quick,
		busyBefore: busy() - ownCPU(),
	}
}

func (r *report) add(row string, lines []line) {
	for _, l := range lines {
		l.Row = row
		l.judge()
		r.Lines = append(r.Lines, l)
	}
}

// end takes the time, and what others did with the machine.
func (r *report) end() {
	took := time.Since(r.When)
	r.Took = took.Round(time.Second).String()
	r.OthersUsed = float64(busy()-ownCPU()-r.busyBefore) / float64(max(took, time.Second))
}

func (r *report) print(out io.Writer) error {
	cells := [][]string{{"WHAT", "FLOOR", "OURS", "RATIO", "AIM", "MET"}}
	for _, l := range r.Lines {
		ratio, met := "", ""
		if l.Ratio != nil {
			ratio = number(*l.Ratio)
		}
		if l.Met != nil {
			met = map[bool]string{true: "yes", false: "no"}[*l.Met]
		}
		cells = append(cells, []string{l.What, l.Floor.String(), l.Ours.String(), ratio, l.Aim, met})
	}
	printTable(out, cells)
	fmt.Fprintln(out)
	for _, l := range r.Lines {
		if l.FloorIs != "" {
			fmt.Fprintf(out, "%s: the floor is %s\n", l.What, l.FloorIs)
		}
		if l.Note != "" {
			fmt.Fprintf(out, "%s: %s\n", l.What, l.Note)
		}
	}
	_, err := fmt.Fprintf(out, "\n%d CPUs; other processes kept %.2f of them busy meanwhile; took %s; %s\n", r.CPUs, r.OthersUsed, r.Took, r.Version)
	if r.Quick {
		_, err = fmt.Fprintln(out, "-quick: the figures mean nothing")
	}
	return err
}

// milliseconds are a duration as the table has it.
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// printTable aligns figures, the columns between the first and the last two, to the right.
func printTable(out io.Writer, cells [][]string) {
	widths := make([]int, len(cells[0]))
	for _, row := range cells {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range cells {
		text := ""
		for i, cell := range row {
			width := widths[i]
			if isWord := i == 0 || i >= len(row)-2; isWord {
				width = -width
			}
			text += fmt.Sprintf("%*s  ", width, cell)
		}
		fmt.Fprintln(out, strings.TrimRight(text, " "))
	}
}

// ticks adds fields of a line of /proc in which Linux counts CPU time by 1/100 s; 0 if it cannot be read.
func ticks(path string, after byte, fields ...int) (sum time.Duration) {
	b, _ := os.ReadFile(path)
	line, _, _ := bytes.Cut(b, []byte("\n"))
	words := bytes.Fields(line[bytes.LastIndexByte(line, after)+1:])
	for _, i := range fields {
		if i < len(words) {
			n, _ := strconv.Atoi(string(words[i]))
			sum += time.Duration(n) * time.Second / 100
		}
	}
	return sum
}

// busy returns for how long the machine's CPUs have been busy since it was started.
func busy() time.Duration {
	// cpu  user nice system idle iowait irq softirq steal …
	return ticks("/proc/stat", 'u', 0, 1, 2, 5, 6, 7)
}

// cpu returns the CPU time that a server has used.
func (s *server) cpu() (sum time.Duration) {
	for _, pid := range s.pids {
		// pid (name) state …: user and system time are the 12th and 13th field after the name, which may hold blanks.
		sum += ticks(fmt.Sprintf("/proc/%d/stat", pid), ')', 11, 12)
	}
	return sum
}

// ownCPU returns the CPU time of this process and of those it has waited for.
func ownCPU() time.Duration { return ticks("/proc/self/stat", ')', 11, 12, 13, 14) }
