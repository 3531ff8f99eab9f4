package httpkit

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// WriteJSON answers with status and body as one line of JSON.
func WriteJSON(w http.ResponseWriter, status int, body any) {
	WriteEncoded(w, status, Encode(body))
}

// Encode returns a body as JSON. One that does not encode is a bug of ours, and
// panics.
func Encode(body any) []byte {
	encoded, err := json.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("BUG: an answer of type %T does not encode: %v", body, err))
	}
	return encoded
}

// WriteEncoded is WriteJSON for a body that is encoded already.
func WriteEncoded(w http.ResponseWriter, status int, body []byte) {
	writeBody(w, "application/json", status, body)
}

// BeginJSON begins an answer of JSON whose length is not known yet. The caller writes
// the body.
func BeginJSON(w http.ResponseWriter) { writeHeader(w, "application/json") }

func writeBody(w http.ResponseWriter, contentType string, status int, body []byte) {
	body = append(body, '\n') // a terminal shows the answer on a line of its own
	writeHeader(w, contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	// A failed write means that the caller has gone; nobody is left to tell.
	_, _ = w.Write(body)
}

func writeHeader(w http.ResponseWriter, contentType string) {
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("X-Content-Type-Options", "nosniff")
	if header.Get("Cache-Control") == "" {
		header.Set("Cache-Control", KeepNothing)
	}
}
