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

	"meterledger/api"
	"meterledger/internal/meter"
)

// historyMax is how many runs /status lists.
const historyMax = 20

const historyVersion = 1

// historyFile keeps the last runs, and the runs to try again, over restarts. The api knows
// what is archived, so no archive depends on the file. An empty path keeps nothing.
type historyFile struct{ path string }

type historyContent struct {
	Version int            `json:"version"`
	Program string         `json:"program"`
	Runs    []historyRun   `json:"runs"` // the newest first
	Owed    []meter.Period `json:"owed"` // the periods whose last run failed, in order of time
}

type historyRun struct {
	Period     meter.Period `json:"period"`
	Trigger    trigger      `json:"trigger"`
	StartedAt  time.Time    `json:"started_at"`
	FinishedAt time.Time    `json:"finished_at"`
	Attempts   int          `json:"attempts"`
	Archive    api.Archive  `json:"archive"`
	Code       meter.Code   `json:"code,omitempty"`   // of the failure, if it failed
	Detail     string       `json:"detail,omitempty"` // of the failure
}

// save replaces the file.
func (h historyFile) save(program string, runs []run, owed map[meter.Period]bool) error {
	if h.path == "" {
		return nil
	}
	content := historyContent{Version: historyVersion, Program: program}
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

// load returns what was saved last, or nothing if there is no file yet.
func (h historyFile) load(program string) (runs []run, owed map[meter.Period]bool, err error) {
	owed = make(map[meter.Period]bool)
	if h.path == "" {
		return nil, owed, nil
	}
	b, err := os.ReadFile(h.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, owed, nil
	}
	var content historyContent
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

// history returns the runs that have ended, the newest first, and whether another is
// running.
func (s *Service) history() (ended []run, isRunning bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.last), s.current != (meter.Period{})
}

// keep adds a run that has ended to the history.
func (s *Service) keep(r run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = slices.Insert(s.last, 0, r)
	s.last = s.last[:min(len(s.last), historyMax)]
	if r.err == nil {
		delete(s.owed, r.period)
	} else if isRepeatable(r.err) {
		s.owed[r.period] = true
	}
	if err := s.file.save(s.kind.program, s.last, s.owed); err != nil {
		s.log.Warn("the history of runs could not be kept; the run itself is not affected", "error", err)
	}
}
