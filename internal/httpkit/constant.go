package httpkit

import (
	"bytes"
	"net/http"
)

// Constant is a JSON answer that is always the same: what WriteJSON writes, written
// once.
type Constant struct {
	status int
	header []headerField
	body   []byte
}

// headerField is a header as net/http keeps it. All answers share the values, which
// are only ever replaced.
type headerField struct {
	name   string
	values []string
}

// NewConstant encodes an answer.
func NewConstant(status int, body any) Constant {
	w := &written{header: http.Header{}}
	WriteJSON(w, status, body)
	c := Constant{status: w.status, body: w.body.Bytes()}
	for name, values := range w.header {
		c.header = append(c.header, headerField{name, values})
	}
	return c
}

// Write answers.
func (c Constant) Write(w http.ResponseWriter) {
	header := w.Header()
	for _, field := range c.header {
		header[field.name] = field.values
	}
	w.WriteHeader(c.status)
	// A failed write means that the caller has gone; nobody is left to tell.
	_, _ = w.Write(c.body)
}

// written is a ResponseWriter that keeps the answer.
type written struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *written) Header() http.Header         { return w.header }
func (w *written) WriteHeader(status int)      { w.status = status }
func (w *written) Write(b []byte) (int, error) { return w.body.Write(b) }
