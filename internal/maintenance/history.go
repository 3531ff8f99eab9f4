package maintenance

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/renameio/v2/maybe"

	"meterledger/internal/client"
	"meterledger/internal/meter"
)

const historyVersion = 1

// history is the file that keeps the last runs over restarts. Nothing depends on it
// but what /status tells, and that a run which failed is tried again: what is
// archived the api knows. An empty path keeps none.
type history struct{ path string }

type historyFile struct {
	Version int            `json:"version"`
	Program string         `json:"program"`
	Runs    []historyRun   `json:"runs"` // the newest first
	Owed    []meter.Period `json:"owed"` // those whose last run failed, in order of time
}

type historyRun struct {
	Period     meter.Period   `json:"period"`
	Trigger    trigger        `json:"trigger"`
	StartedAt  time.Time      `json:"started_at"`
	FinishedAt time.Time      `json:"finished_at"`
	Attempts   int            `json:"attempts"`
	Archive    client.Archive `json:"archive"`
	Code       meter.Code     `json:"code,omitempty"`   // where it failed
	Detail     string         `json:"detail,omitempty"` // why
}

// save writes down what a program has done.
func (h history) save(program string, runs []run, owed map[meter.Period]bool) error {
	if h.path == "" {
		return nil
	}
	content := historyFile{Version: historyVersion, Program: program}
	for _, r := range runs {
		kept := historyRun{r.period, r.trigger, r.startedAt.UTC(), r.finishedAt.UTC(), r.attempts, r.archive, "", ""}
		if r.err != nil {
			kept.Code, kept.Detail = r.err.Code, r.err.Detail
		}
		content.Runs = append(content.Runs, kept)
	}
	content.Owed = slices.SortedFunc(maps.Keys(owed), meter.Period.Compare)
	text, err := json.MarshalIndent(content, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(h.path), 0o755)
	}
	if err != nil {
		return err
	}
	return maybe.WriteFile(h.path, append(text, '\n'), 0o644) // whole or not at all
}

// load returns what was saved last; nothing where there is no file yet.
func (h history) load(program string) (runs []run, owed map[meter.Period]bool, err error) {
	owed = make(map[meter.Period]bool)
	if h.path == "" {
		return nil, owed, nil
	}
	b, err := os.ReadFile(h.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, owed, nil
	}
	var content historyFile
	if err == nil {
		err = json.Unmarshal(b, &content)
	}
	if err == nil && (content.Version != historyVersion || content.Program != program) {
		err = fmt.Errorf("it is version %d of program %q", content.Version, content.Program)
	}
	if err != nil {
		return nil, owed, fmt.Errorf("reading the history %s: %w", h.path, err)
	}
	for _, kept := range content.Runs {
		r := run{
			period: kept.Period, trigger: kept.Trigger, startedAt: kept.StartedAt, finishedAt: kept.FinishedAt,
			attempts: kept.Attempts, archive: kept.Archive,
		}
		if kept.Detail != "" {
			r.err = &meter.Error{Code: kept.Code, Detail: kept.Detail}
		}
		runs = append(runs, r)
	}
	for _, period := range content.Owed {
		owed[period] = true
	}
	return runs, owed, nil
}
