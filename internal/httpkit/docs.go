package httpkit

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"hash"
	"io"
	"net/http"
	"net/url"
	"path"
	"sync"

	"github.com/go-chi/chi/v5"

	"meterledger/api"
)

// docsPolicy lets a browser load nothing from another host. Both pages write their
// styles as they go, Swagger UI starts from an inline script, and ReDoc searches in a
// worker made from a blob.
const docsPolicy = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"

// How long a browser may keep a file.
const (
	keepNever   = "no-cache"
	keepADay    = "public, max-age=86400"
	keepForever = "public, max-age=31536000, immutable" // the page names the version
)

// MountDocs adds the pages that explain a program to its callers: the OpenAPI document of
// its own paths, Swagger UI and ReDoc. They work without a network: every answer carries a
// policy that keeps the browser on this host. swaggerUI answers the paths below /docs/
// that SwaggerUI has.
func MountDocs(r chi.Router, program api.Program, swaggerUI http.Handler) {
	r = r.With(withDocsPolicy)
	index := http.RedirectHandler("/docs/index.html", http.StatusFound)
	r.Method(http.MethodGet, "/docs", index)
	r.Method(http.MethodGet, "/docs/", index)
	get := func(path, keep string, h http.Handler) {
		r.With(setHeader("Cache-Control", keep)).Method(http.MethodGet, path, tagged(path, h))
	}
	get("/openapi.json", keepNever, document(program))
	get("/redoc", keepNever, embeddedFile(redocFiles, "docs/redoc/index.html"))
	for _, path := range []string{"/redoc/redoc.standalone.js", "/redoc/redoc.standalone.js.LICENSE.txt", "/redoc/LICENSE"} {
		get(path, keepForever, embeddedFile(redocFiles, "docs"+path))
	}
	get("/docs/index.html", keepNever, swaggerUI)
	for _, path := range swaggerUIPaths[1:] {
		get(path, keepADay, swaggerUI)
	}
}

// swaggerUIPaths are the page of Swagger UI and the files that it asks for.
var swaggerUIPaths = []string{
	"/docs/index.html", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui-standalone-preset.js",
	"/docs/favicon-16x16.png", "/docs/favicon-32x32.png",
}

// swaggerUIFiles are a copy of what the package http-swagger answers, the large files
// compressed. A test compares the two, and copies the files.
//
//go:embed docs/docs
var swaggerUIFiles embed.FS

// SwaggerUI returns a small Swagger UI: the package http-swagger, with all that it holds
// and needs, would double the size of a small program.
func SwaggerUI() http.Handler {
	files := make(map[string]http.Handler)
	for _, path := range swaggerUIPaths {
		files[path] = embeddedFile(swaggerUIFiles, "docs"+path)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { files[r.URL.Path].ServeHTTP(w, r) })
}

// redocFiles are ReDoc. Its script is compressed by hand, without the one thing that it
// would fetch from another host:
//
//	sed 's#https://cdn.redoc.ly/redoc/logo-mini.svg#data:,#' redoc.standalone.js | gzip -9n
//
//go:embed docs/redoc
var redocFiles embed.FS

// embeddedFile serves an embedded file, which may be compressed.
func embeddedFile(files embed.FS, name string) http.Handler {
	if compressed, err := files.ReadFile(name + ".gz"); err == nil {
		return compressedFile(name, compressed)
	}
	plain, err := files.ReadFile(name)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return plainFile(name, plain)
}

// contentTypes are by the end of a file's name.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".json": "application/json", ".png": "image/png", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8", "": "text/plain; charset=utf-8",
}

// document serves the document of a program, which is made when it is first asked for.
func document(program api.Program) http.Handler {
	file := sync.OnceValue(func() http.Handler {
		var compressed bytes.Buffer
		w := gzip.NewWriter(&compressed)
		_, _ = w.Write(api.DocumentOf(program)) // a buffer takes all
		_ = w.Close()
		return compressedFile(".json", compressed.Bytes())
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { file().ServeHTTP(w, r) })
}

// tagged gives the answers of h, which serves one file at path, an ETag: the hash of the file.
func tagged(path string, h http.Handler) http.Handler {
	tag := sync.OnceValue(func() string {
		sum := hashWriter{http.Header{}, sha256.New()}
		h.ServeHTTP(sum, &http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}, Header: http.Header{}})
		return base64.RawURLEncoding.EncodeToString(sum.Sum(nil))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isKnown(w, r, tag()) {
			h.ServeHTTP(w, r)
		}
	})
}

// hashWriter is a ResponseWriter that makes the hash of a body.
type hashWriter struct {
	header http.Header
	hash.Hash
}

func (w hashWriter) Header() http.Header { return w.header }
func (hashWriter) WriteHeader(int)       {}

func plainFile(name string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentTypes[path.Ext(name)])
		_, _ = w.Write(body) // a failed write means that the caller has gone
	}
}

// compressedFile serves a compressed file as it is, or decompressed to a caller that does not
// accept gzip.
func compressedFile(name string, compressed []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Vary", "Accept-Encoding")
		if quality(r.Header.Values("Accept-Encoding"), "gzip") > 0 {
			w.Header().Set("Content-Encoding", "gzip")
			plainFile(name, compressed)(w, r)
			return
		}
		var plain []byte
		text, err := gzip.NewReader(bytes.NewReader(compressed))
		if err == nil {
			plain, err = io.ReadAll(text)
		}
		if err != nil {
			panic("BUG: " + name + ": " + err.Error())
		}
		plainFile(name, plain)(w, r)
	}
}

func withDocsPolicy(next http.Handler) http.Handler {
	return setHeader("Content-Security-Policy", docsPolicy)(setHeader("X-Content-Type-Options", "nosniff")(next))
}

// setHeader sets a field of the answer's header before next writes it.
func setHeader(name, value string) func(next http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set(name, value)
			next.ServeHTTP(w, r)
		})
	}
}
