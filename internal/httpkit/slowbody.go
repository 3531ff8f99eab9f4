package httpkit

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// lingerMax is how long the rest of a body may take to come after the request was refused: a
// caller that sends on would lose the answer if the connection were closed at once.
const lingerMax = 2 * time.Second

// ErrSlowBody is the error of a read of a body that comes too slowly.
var ErrSlowBody = errors.New("the body comes too slowly")

// limitSlowness makes a read of a body fail that comes to a halt, or more slowly than bodyRate. A
// refusal does not wait for a body: it is sent at once, and ends the connection.
func limitSlowness(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		body := &patientBody{ReadCloser: r.Body, patience: newPatience(bodyRate), connection: http.NewResponseController(w)}
		body.patience.begin(body.connection.SetReadDeadline) // net/http itself may read what the handler does not
		r.Body = body
		if r.ProtoMajor == 1 { // later versions refuse a body without the connection
			answerOf(w).body = body
		}
		next.ServeHTTP(w, r)
		body.leave()
	})
}

// patientBody sets a deadline for each read. net/http removes it at the end of the body.
type patientBody struct {
	io.ReadCloser
	patience   patience
	connection *http.ResponseController
	ended      bool
	refused    bool
}

func (b *patientBody) Read(p []byte) (int, error) {
	if b.ended {
		return b.ReadCloser.Read(p)
	}
	began := b.patience.begin(b.connection.SetReadDeadline) // which does nothing without a connection, such as in a test
	n, err := b.ReadCloser.Read(p)
	b.patience.end(began, n)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return n, ErrSlowBody
	}
	b.ended = err != nil
	return n, err
}

// leave gives the unread rest of a body that was refused some time more, in which net/http drains it.
func (b *patientBody) leave() {
	if b.refused {
		_ = b.connection.SetReadDeadline(time.Now().Add(lingerMax)) // as in Read
	}
}
