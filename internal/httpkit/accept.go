package httpkit

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// Prefers returns the one of the media types offered that r accepts best, by the
// qualities of its Accept header; the first of those that it likes alike, also
// where it likes none.
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
