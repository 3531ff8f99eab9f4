package maintenance

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2/maybe"

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
	Runs    []run          `json:"runs"` // the newest first
	Owed    []meter.Period `json:"owed"` // the periods whose last run failed, in order of time
}

// save replaces the file.
func (h historyFile) save(program string, runs []run, owed map[meter.Period]bool) error {
	if h.path == "" {
		return nil
	}
	text, err := json.MarshalIndent(historyContent{
		Version: historyVersion, Program: program, Runs: runs, Owed: slices.SortedFunc(maps.Keys(owed), meter.Period.Compare),
	}, "", "  ")
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
	for _, period := range content.Owed {
		owed[period] = true
	}
	return content.Runs, owed, nil
}

// history returns the runs that have ended, the newest first, and whether another is
// running.
func (s *Service) history() (ended []run, isRunning bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.last), s.current != (meter.Period{})
}

// keep adds a run that has ended to the history. failure is why it failed, or nil.
func (s *Service) keep(r run, failure *meter.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = slices.Insert(s.last, 0, r)
	s.last = s.last[:min(len(s.last), historyMax)]
	if failure == nil {
		delete(s.owed, r.Period)
	} else if isRepeatable(failure) {
		s.owed[r.Period] = true
	}
	if err := s.file.save(s.kind.program, s.last, s.owed); err != nil {
		s.log.Warn("the history of runs could not be kept; the run itself is not affected", "error", err)
	}
}
