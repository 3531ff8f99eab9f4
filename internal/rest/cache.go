package rest

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"sync"

	document "meterledger/api"
	"meterledger/internal/httpkit"
)

// tagBytes is how much of a hash makes a tag: 128 bits.
const tagBytes = 16

// documentSum stands for the shape of the answers: whenever that changes the OpenAPI
// document has to change too, and then no tag that was given before is good.
var documentSum = sync.OnceValue(func() [32]byte { return sha256.Sum256(document.Document()) })

// notModified puts the tag of an answer into its header: the question, the type that
// it is answered in, and the state that the answer is made of. It reports whether
// that was all there is to say.
func notModified(w http.ResponseWriter, r *http.Request, mediaType string, state []byte) bool {
	hash, shape := sha256.New(), documentSum()
	hash.Write(shape[:])
	for _, part := range []string{r.URL.Path, r.URL.RawQuery, mediaType} {
		_, _ = io.WriteString(hash, part+"\n") // a hash never fails; none of them has a line break
	}
	hash.Write(state)
	return httpkit.NotModified(w, r, base64.RawURLEncoding.EncodeToString(hash.Sum(nil)[:tagBytes]))
}
