package httpkit

import (
	"embed"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
	httpSwagger "github.com/swaggo/http-swagger/v2"

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

// redocLogo is the one thing that ReDoc would fetch from another host.
const redocLogo = "https://cdn.redoc.ly/redoc/logo-mini.svg"

//go:embed redoc
var redocFiles embed.FS

// swaggerFiles are the parts of Swagger UI that its page asks for. What else
// its package holds, a page about a pet store among it, is not served.
var swaggerFiles = []string{
	"swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "favicon-16x16.png", "favicon-32x32.png",
}

// MountDocs adds the pages that explain the programs to their callers: the
// OpenAPI document, Swagger UI and ReDoc. They work without a network: every
// answer carries a policy that keeps the browser on this host.
func MountDocs(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(withDocsPolicy)
		r.Get("/openapi.json", content("application/json", keepNever, api.Document()))
		mountSwagger(r)
		mountRedoc(r)
	})
}

func mountSwagger(r chi.Router) {
	ui := httpSwagger.Handler(httpSwagger.URL("/openapi.json"))
	index := http.RedirectHandler("/docs/index.html", http.StatusFound)
	r.Method(http.MethodGet, "/docs", index)
	r.Method(http.MethodGet, "/docs/", index)
	r.Method(http.MethodGet, "/docs/index.html", swagger(ui, keepNever))
	for _, name := range swaggerFiles {
		r.Method(http.MethodGet, "/docs/"+name, swagger(ui, keepADay))
	}
}

// swagger serves a file of Swagger UI, which looks for its name in the raw
// request line, a query included, and does not know HEAD.
func swagger(ui http.Handler, keep string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		plain := r.Clone(r.Context())
		plain.Method, plain.RequestURI = http.MethodGet, r.URL.Path
		w.Header().Set("Cache-Control", keep)
		ui.ServeHTTP(w, plain)
	}
}

func mountRedoc(r chi.Router) {
	script := strings.ReplaceAll(string(redocFile("redoc.standalone.js")), redocLogo, "data:,")
	r.Get("/redoc", content("text/html; charset=utf-8", keepNever, redocFile("index.html")))
	r.Get("/redoc/redoc.standalone.js", content("text/javascript; charset=utf-8", keepForever, []byte(script)))
	for _, name := range []string{"redoc.standalone.js.LICENSE.txt", "LICENSE"} {
		r.Get("/redoc/"+name, content("text/plain; charset=utf-8", keepForever, redocFile(name)))
	}
}

func redocFile(name string) []byte {
	b, err := redocFiles.ReadFile("redoc/" + name)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return b
}

func content(contentType, keep string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", keep)
		// A failed write means that the caller has gone; nobody is left to tell.
		_, _ = w.Write(body)
	}
}

func withDocsPolicy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", docsPolicy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}
