package httpkit

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// What a cache may do with an answer about somebody's readings. Only the caller's
// own cache may keep it, and only to ask each time whether it still holds: a late
// reading can change the past.
const (
	KeepNothing = "no-store"
	KeepAndAsk  = "private, no-cache"
)

// Header values that answers share. They are replaced in an answer, never changed.
var (
	typeJSON    = []string{"application/json"}
	typeProblem = []string{"application/problem+json"}
	noSniffing  = []string{"nosniff"}
	keepNothing = []string{KeepNothing}
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
	writeBody(w, typeJSON, status, body)
}

// BeginJSON begins an answer of JSON whose length is not known yet. The caller writes
// the body.
func BeginJSON(w http.ResponseWriter) { writeHeader(w, typeJSON) }

func writeBody(w http.ResponseWriter, contentType []string, status int, body []byte) {
	body = append(body, '\n') // a terminal shows the answer on a line of its own
	writeHeader(w, contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	// A failed write means that the caller has gone; nobody is left to tell.
	_, _ = w.Write(body)
}

func writeHeader(w http.ResponseWriter, contentType []string) {
	header := w.Header()
	header["Content-Type"] = contentType
	header["X-Content-Type-Options"] = noSniffing
	if header.Get("Cache-Control") == "" {
		header["Cache-Control"] = keepNothing
	}
}

// Constant is a JSON answer of status 200 that is always the same: what WriteJSON
// writes, encoded once.
type Constant struct {
	body   []byte
	length []string
}

// NewConstant encodes an answer.
func NewConstant(body any) Constant {
	encoded := append(Encode(body), '\n')
	return Constant{encoded, []string{strconv.Itoa(len(encoded))}}
}

// Write answers.
func (c Constant) Write(w http.ResponseWriter) {
	writeHeader(w, typeJSON)
	w.Header()["Content-Length"] = c.length
	w.WriteHeader(http.StatusOK)
	// As in writeBody.
	_, _ = w.Write(c.body)
}

// NotModified says by which tag an answer is known, and reports whether the caller
// has that answer already, which it is then told. It is for answers that can be
// computed again from a state of ours; the tag names the state and the question.
func NotModified(w http.ResponseWriter, r *http.Request, tag string) bool {
	tag = `"` + tag + `"`
	w.Header().Set("ETag", tag)
	w.Header().Set("Cache-Control", KeepAndAsk)
	if !anyMatches(r.Header.Values("If-None-Match"), tag) {
		return false
	}
	w.WriteHeader(http.StatusNotModified)
	return true
}

// anyMatches compares as RFC 9110 has it for If-None-Match: a weak tag is as good
// as a strong one.
func anyMatches(lists []string, tag string) bool {
	for _, list := range lists {
		for given := range strings.SplitSeq(list, ",") {
			given = strings.TrimSpace(given)
			if given == "*" || strings.TrimPrefix(given, "W/") == tag {
				return true
			}
		}
	}
	return false
}

// Prefers returns the one of the media types offered that r accepts best, by the
// qualities of its Accept header; the first of those that it likes alike, also
// if it likes none.
func Prefers(r *http.Request, offers ...string) string {
	best, liked := offers[0], 0.0
	for _, offer := range offers {
		if q := quality(r.Header.Values("Accept"), offer); q > liked {
			best, liked = offer, q
		}
	}
	return best
}

// quality is how much Accept headers like a media type, 0 to 1, by the range that
// names it most closely.
func quality(accept []string, offer string) (q float64) {
	closest := 0
	kind, _, _ := strings.Cut(offer, "/")
	for _, header := range accept {
		for part := range strings.SplitSeq(header, ",") {
			named, parameters, err := mime.ParseMediaType(part)
			closeness := map[string]int{"*/*": 1, kind + "/*": 2, offer: 3}[named]
			if err != nil || closeness <= closest {
				continue
			}
			closest, q = closeness, 1
			if given, ok := parameters["q"]; ok {
				if q, err = strconv.ParseFloat(given, 64); err != nil {
					q = 0
				}
			}
		}
	}
	return q
}
