package tour

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/witness"
)

// maintain has daily archive yesterday, and monthly archive, bill and clear last
// month, and compares every row of both archives with what was accepted.
func (t *tour) maintain(ctx context.Context) error {
	yesterday := t.zone.DayOf(t.last).AddDays(-1)
	err := t.perform(ctx, t.daily, "daily",
		url.Values{"date": {yesterday.String()}}, t.zone.DayWindow(yesterday))
	if err != nil {
		return err
	}
	return t.perform(ctx, t.monthly, "monthly",
		url.Values{"month": {t.lastMonth.String()}}, t.zone.MonthWindow(t.lastMonth))
}

func (t *tour) perform(ctx context.Context, c *caller.Caller, program string, query url.Values, w meter.Window) error {
	got, err := c.Post(ctx, "/perform_"+program+"_maintenance", query)
	if err != nil {
		return fmt.Errorf("asking %s for its maintenance: %w", program, err)
	}
	var done struct {
		Message     string `json:"message"`
		ArchivePath string `json:"archive_path"`
	}
	if err := got.Into(program+" maintenance", &done); err != nil {
		return err
	}
	path := filepath.Join(t.archiveDir, filepath.Base(done.ArchivePath))
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the archive that %s names: %w", program, err)
	}
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	t.say("%-8s %s  %d rows, %d bytes", program, path, len(lines)-1, len(b))
	t.say("         %s", done.Message)
	t.rows += len(lines) - 1
	t.compareRows(path, lines, t.archived(w))
	return nil
}

// archived is what the archive of a period must hold, line by line. Its last
// register opens the next period and stands there.
func (t *tour) archived(w meter.Window) []string {
	lines := []string{witness.CSVHeader}
	for _, h := range t.homes { // in the order of their ids
		for _, r := range h.within(meter.Window{From: w.From, To: w.To - 1}) {
			lines = append(lines, fmt.Sprintf("%s,%s,%s", h.id, t.zone.Stamp(r.Slot), r.Register))
		}
	}
	return lines
}

func (t *tour) compareRows(path string, got, want []string) {
	if slices.Equal(got, want) {
		return
	}
	line := 0
	for line < min(len(got), len(want)) && got[line] == want[line] {
		line++
	}
	t.differ("%s has %d rows where %d were accepted; they differ from line %d on", path, len(got)-1, len(want)-1, line+1)
}
