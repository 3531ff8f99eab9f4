package httpkit

import (
	"bytes"
	"compress/gzip"
	"embed"
	"io"
	"net/http"
	"path"

	"github.com/go-chi/chi/v5"

	"meterledger/api"
)

// docsPolicy lets a browser load nothing from another host. Both pages write
// their styles as they go, Swagger UI starts from an inline script, and ReDoc
// searches in a worker made from a blob.
const docsPolicy = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"

// How long a browser may keep what it was sent.
const (
	keepNever   = "no-cache"
	keepADay    = "public, max-age=86400"
	keepForever = "public, max-age=31536000, immutable" // the page names the version
)

// docsFiles are the pages of Swagger UI and of ReDoc and all that they ask for. What is
// large is packed: as it stands it would be a fifth of a small program, and the package
// of Swagger UI, with all that it holds and needs, would double one. A test holds
// Swagger UI against that package, and copies it from there. ReDoc is packed by hand,
// without the one thing that it would fetch from another host:
//
//	sed 's#https://cdn.redoc.ly/redoc/logo-mini.svg#data:,#' redoc.standalone.js | gzip -9n
//
//go:embed docs
var docsFiles embed.FS

// MountDocs adds the pages that explain the programs to their callers: the
// OpenAPI document, Swagger UI and ReDoc. They work without a network: every
// answer carries a policy that keeps the browser on this host.
func MountDocs(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(withDocsPolicy)
		r.Get("/openapi.json", content(".json", keepNever, api.Document()))
		index := http.RedirectHandler("/docs/index.html", http.StatusFound)
		r.Method(http.MethodGet, "/docs", index)
		r.Method(http.MethodGet, "/docs/", index)
		for name, keep := range map[string]string{
			"/docs/index.html": keepNever, "/docs/favicon-16x16.png": keepADay, "/docs/favicon-32x32.png": keepADay,
			"/redoc/LICENSE": keepForever, "/redoc/redoc.standalone.js.LICENSE.txt": keepForever,
		} {
			r.Get(name, content(name, keep, docsFile(name)))
		}
		r.Get("/redoc", content(".html", keepNever, docsFile("/redoc/index.html")))
		for name, keep := range map[string]string{
			"/docs/swagger-ui.css": keepADay, "/docs/swagger-ui-bundle.js": keepADay, "/docs/swagger-ui-standalone-preset.js": keepADay,
			"/redoc/redoc.standalone.js": keepForever,
		} {
			r.Get(name, packed(name, keep, docsFile(name+".gz")))
		}
	})
}

func docsFile(name string) []byte {
	file, err := docsFiles.ReadFile("docs" + name)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return file
}

// contentTypes are by the end of a file's name.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".json": "application/json", ".png": "image/png", ".txt": "text/plain; charset=utf-8", "": "text/plain; charset=utf-8",
}

func content(name, keep string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentTypes[path.Ext(name)])
		w.Header().Set("Cache-Control", keep)
		// A failed write means that the caller has gone; nobody is left to tell.
		_, _ = w.Write(body)
	}
}

// packed serves what gzip has packed as it is, or unpacked to a caller that does not
// take gzip.
func packed(name, keep string, body []byte) http.HandlerFunc {
	asItIs := content(name, keep, body)
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Vary", "Accept-Encoding")
		if quality(r.Header.Values("Accept-Encoding"), "gzip") > 0 {
			w.Header().Set("Content-Encoding", "gzip")
			asItIs(w, r)
			return
		}
		text, err := gzip.NewReader(bytes.NewReader(body))
		var unpacked []byte
		if err == nil {
			unpacked, err = io.ReadAll(text)
		}
		if err != nil {
			panic("BUG: " + name + ": " + err.Error())
		}
		content(name, keep, unpacked)(w, r)
	}
}

func withDocsPolicy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", docsPolicy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}
