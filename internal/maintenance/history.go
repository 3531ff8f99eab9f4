package maintenance

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/gofrs/flock"
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

	// Refused are the periods that the api has refused for good, with its state of them then.
	Refused map[meter.Period]string `json:"refused,omitempty"`
}

func (c historyContent) owed() map[meter.Period]bool {
	owed := make(map[meter.Period]bool)
	for _, period := range c.Owed {
		owed[period] = true
	}
	return owed
}

// save replaces the file.
func (h historyFile) save(content historyContent) error {
	if h.path == "" {
		return nil
	}
	content.Version = historyVersion
	text, err := json.MarshalIndent(content, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(h.path), 0o700)
	}
	if err != nil {
		return err
	}
	return maybe.WriteFile(h.path, append(text, '\n'), 0o600) // whole or not at all
}

// lock makes the file this process's own until release is called: two services would each
// write over what the other remembers. An error that is not errInUse says that the file
// cannot be written.
func (h historyFile) lock() (release func() error, err error) {
	if h.path == "" {
		return func() error { return nil }, nil
	}
	if err := os.MkdirAll(filepath.Dir(h.path), 0o700); err != nil {
		return nil, err
	}
	lock := flock.New(h.path + ".lock")
	isOurs, err := lock.TryLock()
	if err == nil && !isOurs {
		err = fmt.Errorf("the history %s %w: stop that program or choose another file with -history", h.path, errInUse)
	}
	return lock.Close, err
}

var errInUse = errors.New("is in use by another program")

// load returns what was saved last, or nothing if there is no file yet.
func (h historyFile) load(program string) (content historyContent, err error) {
	none := historyContent{Refused: make(map[meter.Period]string)}
	if h.path == "" {
		return none, nil
	}
	b, err := os.ReadFile(h.path)
	if errors.Is(err, os.ErrNotExist) {
		return none, nil
	}
	content = historyContent{Refused: make(map[meter.Period]string)}
	if err == nil {
		err = json.Unmarshal(b, &content)
	}
	if err == nil && (content.Version != historyVersion || content.Program != program) {
		err = fmt.Errorf("it is version %d of program %q", content.Version, content.Program)
	}
	if err != nil {
		return none, fmt.Errorf("reading the history %s: %w", h.path, err)
	}
	return content, nil
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
	state := ""
	if failure != nil && !isRepeatable(failure) {
		if status, err := s.look(s.ctx, watchEvery); err == nil {
			state = s.stateOf(r.Period, status)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = slices.Insert(s.last, 0, r)
	s.last = s.last[:min(len(s.last), historyMax)]
	delete(s.owed, r.Period)
	delete(s.refused, r.Period)
	switch {
	case failure == nil:
	case isRepeatable(failure):
		s.owed[r.Period] = true
	default:
		s.refused[r.Period] = state
	}
	if err := s.file.save(s.content()); err != nil {
		s.log.Warn("the history of runs could not be kept; the run itself is not affected", "error", err)
	}
}

// content is what the history keeps. The caller holds the lock.
func (s *Service) content() historyContent {
	return historyContent{
		Program: s.kind.program, Runs: s.last, Owed: slices.SortedFunc(maps.Keys(s.owed), meter.Period.Compare), Refused: s.refused,
	}
}
