package httpkit

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// bodyPatience is how long a body may stand still. A long one may take any time as
// long as something of it arrives.
const bodyPatience = 30 * time.Second

// ErrSlowBody says that nothing of a body arrived for bodyPatience.
var ErrSlowBody = errors.New("the body came to a halt")

// limitPatience ends requests whose body stands still: the next read of it fails.
func limitPatience(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		body := &patientBody{ReadCloser: r.Body, connection: http.NewResponseController(w)}
		r.Body = body
		next.ServeHTTP(w, r)
		body.leave()
	})
}

// patientBody sets a deadline for each read. The time that passes between reads, while
// the program is busy with what it has, is not the sender's. net/http takes the
// deadline away when the body has ended.
type patientBody struct {
	io.ReadCloser
	connection *http.ResponseController
	ended      bool
}

func (b *patientBody) Read(p []byte) (int, error) {
	if b.ended {
		return b.ReadCloser.Read(p)
	}
	b.setDeadline(time.Now().Add(bodyPatience))
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.ended = true
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return n, ErrSlowBody
		}
	}
	return n, err
}

// leave gives the rest of a body that was not read to its end, which net/http passes
// over, as much time as any other part.
func (b *patientBody) leave() {
	if !b.ended {
		b.setDeadline(time.Now().Add(bodyPatience))
	}
}

// setDeadline does nothing where there is no connection, as in a test.
func (b *patientBody) setDeadline(t time.Time) { _ = b.connection.SetReadDeadline(t) }
