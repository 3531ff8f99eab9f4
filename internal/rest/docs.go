package rest

import (
	"net/http"

	"github.com/klauspost/compress/gzhttp"
	httpSwagger "github.com/swaggo/http-swagger/v2"
)

// SwaggerUI returns Swagger UI as its package serves it, compressed for callers that
// accept gzip.
func SwaggerUI() http.Handler {
	pages := httpSwagger.Handler(httpSwagger.URL("/openapi.json"))
	compress, err := gzhttp.NewWrapper(gzhttp.EnableZstd(false), gzhttp.ContentTypes([]string{"text/css", "text/javascript"}))
	if err != nil {
		panic("BUG: compressing Swagger UI: " + err.Error())
	}
	return compress(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		// The package refuses HEAD, and takes a query as part of the file's name.
		r.Method, r.RequestURI = http.MethodGet, r.URL.Path
		r.Header.Del("Range")
		pages(scriptWriter{w}, r)
	}))
}

// scriptWriter gives scripts the type of RFC 9239, as the other programs do; the package
// gives them an older one.
type scriptWriter struct{ http.ResponseWriter }

func (w scriptWriter) WriteHeader(status int) {
	if w.Header().Get("Content-Type") == "application/javascript" {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	}
	w.ResponseWriter.WriteHeader(status)
}
