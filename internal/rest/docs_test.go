package rest_test

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/klauspost/compress/gzip"

	"meterledger/api"
	"meterledger/internal/httpkit"
	"meterledger/internal/rest"
)

// docsHeaders are what a browser goes by.
var docsHeaders = []string{"Content-Type", "Content-Encoding", "Content-Security-Policy", "X-Content-Type-Options", "Cache-Control", "ETag", "Location"}

func TestDocsPagesAreThoseOfTheSmallPrograms(t *testing.T) {
	ours, small := chi.NewRouter(), chi.NewRouter()
	httpkit.MountDocs(ours, api.ProgramAPI, rest.SwaggerUI())
	httpkit.MountDocs(small, api.ProgramAPI, httpkit.SwaggerUI())
	paths := []string{"/docs", "/docs/", "/docs/doc.json", "/docs/swagger-ui.js", "/docs//index.html", "/docs/index.html?file=a.css", "/redoc"}
	err := chi.Walk(small, func(_, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		paths = append(paths, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		for _, header := range []http.Header{{}, {"Accept-Encoding": {"zstd, br, gzip;q=0.5"}}, {"Accept-Encoding": {"gzip;q=0"}}, {"Range": {"bytes=0-9"}}} {
			got, want := docsAnswer(t, ours, path, header), docsAnswer(t, small, path, header)
			if got.status != want.status || !maps.Equal(got.header, want.header) || !slices.Equal(got.body, want.body) {
				t.Errorf("GET %s with %v answers %d %v and %d bytes, daily %d %v and %d bytes", path, header,
					got.status, got.header, len(got.body), want.status, want.header, len(want.body))
			}
		}
	}
}

type docsPage struct {
	status int
	header map[string]string
	body   []byte
}

func docsAnswer(t *testing.T, h http.Handler, path string, header http.Header) docsPage {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, path, nil)
	request.Header = header
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, request)
	answer := recorder.Result()
	page := docsPage{status: answer.StatusCode, header: make(map[string]string)}
	for _, name := range docsHeaders {
		page.header[name] = answer.Header.Get(name)
	}
	body := io.Reader(answer.Body)
	var err error
	if page.header["Content-Encoding"] == "gzip" {
		if body, err = gzip.NewReader(body); err != nil {
			t.Fatal(err)
		}
	}
	if page.body, err = io.ReadAll(body); err != nil {
		t.Fatal(err)
	}
	return page
}

func TestSwaggerUIAnswersHeadAsGet(t *testing.T) {
	recorder := httptest.NewRecorder()
	rest.SwaggerUI().ServeHTTP(recorder, httptest.NewRequest(http.MethodHead, "/docs/swagger-ui.css", nil))
	if recorder.Code != http.StatusOK {
		t.Errorf("HEAD answers %d", recorder.Code)
	}
}
