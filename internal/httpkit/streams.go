package httpkit

import (
	"net/http"
	"time"
)

// limitStreams limits how slowly a caller may take an answer that shares its connection with
// others, as all do since HTTP/2: the connection moves while one of them stands still.
func limitStreams(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor < 2 {
			next.ServeHTTP(w, r)
			return
		}
		s := &streamAnswer{ResponseWriter: w, patience: newPatience(answerRate)}
		next.ServeHTTP(s, r)
		s.patience.begin(s.setDeadline) // for what net/http still holds
	})
}

// streamAnswer sets a deadline for each write. Its end resets the stream even if nothing is
// being written, so none is left behind.
type streamAnswer struct {
	http.ResponseWriter
	patience patience
}

func (s *streamAnswer) Write(b []byte) (int, error) {
	defer s.lift()
	return s.patience.write(s.ResponseWriter, b, s.setDeadline)
}

// FlushError is Flush of http.ResponseController.
func (s *streamAnswer) FlushError() error {
	defer s.lift()
	began := s.patience.begin(s.setDeadline)
	err := http.NewResponseController(s.ResponseWriter).Flush()
	s.patience.end(began, 0)
	return err
}

// Unwrap lets http.ResponseController reach the stream.
func (s *streamAnswer) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *streamAnswer) setDeadline(t time.Time) error {
	return http.NewResponseController(s.ResponseWriter).SetWriteDeadline(t)
}

// SetWriteDeadline has writes end at t, or by the rule for all answers again if t is zero.
func (s *streamAnswer) SetWriteDeadline(t time.Time) error { return s.patience.lend(t, s.setDeadline) }

func (s *streamAnswer) lift() {
	if s.patience.due.Load() == dueForeign {
		return
	}
	s.patience.due.Store(dueUnset)
	_ = s.setDeadline(time.Time{}) // fails in a test without a connection
}
