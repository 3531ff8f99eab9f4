package httpkit

import "net/http"

// answer is a ResponseWriter that remembers what it was told, for the log and
// the metrics.
type answer struct {
	http.ResponseWriter
	status int   // 0 until the answer has begun
	cause  error // what WriteError was given
}

func (a *answer) begin(status int) {
	if a.status == 0 && status >= http.StatusOK {
		a.status = status
	}
}

func (a *answer) WriteHeader(status int) {
	a.begin(status)
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	a.begin(http.StatusOK)
	return a.ResponseWriter.Write(b)
}

// FlushError makes http.ResponseController's Flush count as a beginning.
func (a *answer) FlushError() error {
	a.begin(http.StatusOK)
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// answerOf finds the answer that w is or wraps; nil outside a router of ours.
func answerOf(w http.ResponseWriter) *answer {
	for {
		switch v := w.(type) {
		case *answer:
			return v
		case interface{ Unwrap() http.ResponseWriter }:
			w = v.Unwrap()
		default:
			return nil
		}
	}
}
