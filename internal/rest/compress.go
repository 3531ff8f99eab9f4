package rest

import (
	"net/http"

	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"

	"meterledger/internal/httpkit"
)

// compressedBytesMin is how large an answer is that is worth being compressed.
const compressedBytesMin = 16 << 10

// compressed answers as h does, with gzip if the caller accepts it and the answer is large.
// It is for endpoints with large answers only; to callers that accept no encoding at all
// it costs nothing but a header field.
func compressed(h http.Handler) http.Handler {
	compress, err := gzhttp.NewWrapper(
		gzhttp.EnableZstd(false), gzhttp.MinSize(compressedBytesMin), gzhttp.CompressionLevel(gzip.BestSpeed),
		gzhttp.ContentTypes([]string{typeJSON, typeCSV}))
	if err != nil {
		panic("BUG: compressing answers: " + err.Error())
	}
	asked := compress(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header["Accept-Encoding"]) > 0 {
			asked(w, r)
			return
		}
		httpkit.Vary(w, varyEncoding)
		h.ServeHTTP(w, r)
	})
}

// What Vary says; must not be changed: all answers share it.
var (
	varyEncoding        = []string{"Accept-Encoding"}
	varyTypeAndEncoding = []string{"Accept, Accept-Encoding"}
)
