package ledger

import "sync"

// spans remembers, in spans of so many bytes, where the newest batches of the order lie.
type spans struct {
	bytes int64 // of a span
	most  int   // spans that are remembered

	mu    sync.Mutex // guards all below
	marks []uint64   // where this process began to count, and the batch before each one that a span ends in
	open  int64      // bytes behind the last span
}

// newSpans is for questions about at most so many bytes, of which the least are asked about to a few percent.
func newSpans(at uint64, least, most int64) *spans {
	span := max(1, least/64)
	return &spans{bytes: span, most: int(most/span) + 2, marks: []uint64{at}}
}

// add notes a batch.
func (s *spans) add(sequence uint64, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open += int64(bytes); s.open < s.bytes {
		return
	}
	for ; s.open >= s.bytes; s.open -= s.bytes {
		s.marks = append(s.marks, sequence-1)
	}
	s.marks = s.marks[max(0, len(s.marks)-s.most):]
}

// before returns the last batch that has at least so many bytes behind it. Where fewer are known, that is the one with which
// this process began to count, and isAll is false.
func (s *spans) before(bytes int64) (sequence uint64, isAll bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := len(s.marks) - 1 - int((bytes+s.bytes-1)/s.bytes); at >= 0 {
		return s.marks[at], true
	}
	return s.marks[0], false
}
