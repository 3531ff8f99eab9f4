package pages

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"meterledger/internal/httpkit"
)

const (
	sampleEvery = 5 * time.Second
	samplesMax  = int(time.Minute/sampleEvery) + 1 // of the last minute, with both ends
	markEvery   = time.Minute
	marksMax    = 61 // of the last hour
)

// sampler keeps what the program counted lately, so that pages can tell how fast it goes on.
type sampler struct {
	metrics *httpkit.Metrics
	log     *slog.Logger

	mu      sync.Mutex // guards all below
	samples []*sample  // of the last minute, in order of time
	marks   []mark     // of the last hour, likewise
}

// mark is how many readings were taken until a moment.
type mark struct {
	at    time.Time
	taken float64
}

// run takes a sample now and then until ctx ends.
func (s *sampler) run(ctx context.Context) {
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if err := s.take(time.Now()); err != nil {
			s.log.Error("the figures of this program cannot be read, so its page of them stays as it is", "error", err)
			return
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

func (s *sampler) take(at time.Time) error {
	f, err := readSample(s.metrics, at)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.samples = newest(append(s.samples, f), samplesMax)
	if n := len(s.marks); n == 0 || at.Sub(s.marks[n-1].at) >= markEvery-sampleEvery/2 {
		s.marks = newest(append(s.marks, mark{at, f.taken}), marksMax)
	}
	return nil
}

// newest returns the last of a list, at most so many.
func newest[T any](list []T, most int) []T { return slices.Clone(list[max(0, len(list)-most):]) }

// lately returns what was counted in the last minute, or since the start if that is later, and the marks.
// Before the first sample that is nothing.
func (s *sampler) lately() (counted, []mark) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.samples) == 0 {
		return counted{}, nil
	}
	return counted{s.samples[0], s.samples[len(s.samples)-1]}, s.marks
}
