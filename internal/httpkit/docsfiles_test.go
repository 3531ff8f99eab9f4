package httpkit_test

import (
	"bytes"
	"compress/gzip"
	"flag"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	httpSwagger "github.com/swaggo/http-swagger/v2"
)

var renew = flag.Bool("renew", false, "copy Swagger UI anew from its package")

func TestSwaggerUIIsThatOfItsPackage(t *testing.T) {
	ui := httpSwagger.Handler(httpSwagger.URL("/openapi.json"))
	for _, path := range docsPaths {
		if !strings.HasPrefix(path, "/docs/") {
			continue
		}
		_, want := askDocs(t, ui, http.MethodGet, path)
		if *renew {
			keepDocs(t, path, want)
		} else if _, got := getDocs(t, path); got != want {
			t.Errorf("%s is not what its package has: go test ./internal/httpkit -run SwaggerUI -renew takes that", path)
		}
	}
}

// isPacked reports whether a file of the pages is large enough for that.
func isPacked(path string) bool {
	return strings.HasSuffix(path, ".js") || strings.HasSuffix(path, ".css") || path == "/openapi.json"
}

func keepDocs(t *testing.T, path, content string) {
	t.Helper()
	path = "docs" + path
	if isPacked(path) {
		var packed bytes.Buffer
		w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression) // no error: there is such a level
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		path, content = path+".gz", packed.String()
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestDocsFilesGoOutPackedToWhoTakesGzip(t *testing.T) {
	for _, path := range docsPaths {
		plain, want := getDocs(t, path)
		if plain.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s is packed for a caller that did not ask for it", path)
		}
		if !isPacked(path) {
			continue
		}
		answer, body := askDocs(t, docsHandler(), http.MethodGet, path, "Accept-Encoding", "br, gzip;q=0.5")
		unpacked, err := gzip.NewReader(bytes.NewReader([]byte(body)))
		if err != nil || answer.Header.Get("Content-Encoding") != "gzip" {
			t.Fatalf("%s: %v, encoding %q", path, err, answer.Header.Get("Content-Encoding"))
		}
		if got, err := io.ReadAll(unpacked); err != nil || string(got) != want {
			t.Errorf("%s is another file when it is packed: %v", path, err)
		}
		refused, got := askDocs(t, docsHandler(), http.MethodGet, path, "Accept-Encoding", "gzip;q=0")
		if got != want || refused.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s is packed for a caller that refuses gzip", path)
		}
	}
}
