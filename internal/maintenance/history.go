package maintenance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/api"
	"meterledger/internal/durable"
	"meterledger/internal/meter"
)

const (
	historyVersion  = 1
	historyBytesMax = 1 << 20
)

// history is the file that keeps the last runs over restarts. Nothing depends on it
// but what /status tells, and that a run which failed is tried again: what is
// archived the api knows. An empty path keeps none.
type history struct{ path string }

type historyFile struct {
	Version int          `json:"version"`
	Program string       `json:"program"`
	Runs    []historyRun `json:"runs"` // the newest first
	Owed    []string     `json:"owed"` // the periods whose last run failed, in order of time
}

type historyRun struct {
	Period     string      `json:"period"`
	Trigger    trigger     `json:"trigger"`
	StartedAt  time.Time   `json:"started_at"`
	FinishedAt time.Time   `json:"finished_at"`
	Attempts   int         `json:"attempts"`
	Archive    api.Archive `json:"archive"`
	Code       meter.Code  `json:"code,omitempty"`   // where it failed
	Detail     string      `json:"detail,omitempty"` // why
}

// save writes down what a program has done.
func (h history) save(program string, runs []run, owed map[string]bool) error {
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
	for period := range owed {
		content.Owed = append(content.Owed, period)
	}
	slices.Sort(content.Owed)
	if err := durable.MakeFolder(vfs.Default, vfs.Default.PathDir(h.path)); err != nil {
		return err
	}
	return durable.WriteFile(vfs.Default, h.path, func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(content)
	})
}

// load returns what was saved last; nothing where there is no file yet.
func (h history) load(program string) (runs []run, owed map[string]bool, err error) {
	owed = make(map[string]bool)
	if h.path == "" {
		return nil, owed, nil
	}
	b, err := durable.ReadFile(vfs.Default, h.path, historyBytesMax)
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
