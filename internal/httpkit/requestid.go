package httpkit

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"net/http"
	"sync"

	"meterledger/internal/meter"
)

// requestIDHeader is in net/http's own spelling of names.
const requestIDHeader = "X-Request-Id"

// requestID returns the name that the caller, or a proxy, has given the request, or a new one.
func requestID(r *http.Request) string {
	if given := r.Header[requestIDHeader]; len(given) == 1 {
		if id, err := meter.ParseID(given[0]); err == nil && !secret.MatchString(given[0]) { // 1 to 64 plain characters
			return string(id)
		}
	}
	return newRequestID()
}

// RequestID returns the id of the request of a context, and nothing outside of NewRouter's routers.
func RequestID(ctx context.Context) string {
	if a, ok := ctx.Value(answerKey{}).(*answer); ok {
		return a.id[0]
	}
	return ""
}

// A new id has 80 random bits. They are drawn for many ids at once, because each call of the
// system's source of randomness takes as long as a tenth of a reading.
const (
	requestIDLength = 16 // in base32, which has 5 bits a character
	requestIDsDrawn = 64
)

// drawnIDs holds ids that are drawn and not given, one after the other in a text.
var drawnIDs = sync.Pool{New: func() any { return new(string) }}

func newRequestID() string {
	drawn := drawnIDs.Get().(*string)
	defer drawnIDs.Put(drawn)
	if *drawn == "" {
		bits := make([]byte, requestIDsDrawn*requestIDLength*5/8)
		rand.Read(bits) // never fails
		*drawn = base32.StdEncoding.EncodeToString(bits)
	}
	id := (*drawn)[:requestIDLength]
	*drawn = (*drawn)[requestIDLength:]
	return id
}
