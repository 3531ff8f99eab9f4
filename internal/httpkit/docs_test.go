package httpkit_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"meterledger/api"
	"meterledger/internal/httpkit"
)

// docsPaths are all that the docs pages consist of.
var docsPaths = []string{
	"/openapi.json",
	"/docs/index.html", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui-standalone-preset.js",
	"/docs/favicon-16x16.png", "/docs/favicon-32x32.png",
	"/redoc", "/redoc/redoc.standalone.js", "/redoc/redoc.standalone.js.LICENSE.txt", "/redoc/LICENSE",
}

var htmlPaths = []string{"/docs/index.html", "/redoc"}

func docsHandler() http.Handler {
	r := chi.NewRouter()
	r.Use(middleware.GetHead)
	httpkit.MountDocs(r, api.ProgramDaily, httpkit.SwaggerUI())
	return r
}

// askDocs asks with a header, if its name and value follow.
func askDocs(t *testing.T, h http.Handler, method, target string, header ...string) (*http.Response, string) {
	t.Helper()
	recorder := httptest.NewRecorder()
	request := httptest.NewRequest(method, target, nil)
	if len(header) == 2 {
		request.Header.Set(header[0], header[1])
	}
	h.ServeHTTP(recorder, request)
	answer := recorder.Result()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

func getDocs(t *testing.T, target string) (*http.Response, string) {
	t.Helper()
	answer, body := askDocs(t, docsHandler(), http.MethodGet, target)
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("GET %s answers %s", target, answer.Status)
	}
	return answer, body
}

// references returns what a page makes the browser load.
func references(html string) []string {
	var found []string
	for _, tag := range regexp.MustCompile(`(?is)<(?:script|link|img|iframe|object|embed|base|form|image|use)\b[^>]*>`).FindAllString(html, -1) {
		for _, match := range regexp.MustCompile(`(?i)\b(?:src|srcset|href|data|action)\s*=\s*["']?([^"'\s>]+)`).FindAllStringSubmatch(tag, -1) {
			found = append(found, match[1])
		}
	}
	return found
}

func TestDocsPagesReferToNoOtherHostAndToNothingThatIsMissing(t *testing.T) {
	for _, path := range htmlPaths {
		_, html := getDocs(t, path)
		found := references(html)
		if len(found) == 0 {
			t.Errorf("%s refers to nothing at all, not even its script", path)
		}
		for _, reference := range found {
			target, err := url.Parse(reference)
			if err != nil || target.Scheme != "" || target.Host != "" {
				t.Errorf("%s refers to %s", path, reference)
				continue
			}
			base := &url.URL{Path: path}
			getDocs(t, base.ResolveReference(target).String())
		}
	}
}

func TestEveryDocsAnswerKeepsTheBrowserOnThisHost(t *testing.T) {
	here := regexp.MustCompile(`^('self'|'none'|'unsafe-inline'|data:|blob:)$`)
	for _, path := range append([]string{"/docs", "/docs/"}, docsPaths...) {
		answer, _ := askDocs(t, docsHandler(), http.MethodGet, path)
		policy := answer.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'self';") {
			t.Errorf("%s has the policy %q", path, policy)
		}
		for _, directive := range strings.Split(policy, ";") {
			for _, source := range strings.Fields(directive)[1:] {
				if !here.MatchString(source) {
					t.Errorf("%s lets the browser load from %s", path, source)
				}
			}
		}
	}
}

func TestDocsFilesAreServedAsWhatTheyAre(t *testing.T) {
	types := map[string]string{
		".json": "application/json", ".html": "text/html", ".css": "text/css", ".js": "javascript", ".png": "image/png",
		".txt": "text/plain", "": "text/",
	}
	for _, path := range docsPaths {
		answer, body := getDocs(t, path)
		extension := regexp.MustCompile(`(\.[a-z]+)?$`).FindString(path)
		if contentType := answer.Header.Get("Content-Type"); !strings.Contains(contentType, types[extension]) {
			t.Errorf("%s is served as %s", path, contentType)
		}
		if body == "" {
			t.Errorf("%s is empty", path)
		}
	}
}

func TestDocumentIsThatOfTheProgram(t *testing.T) {
	if _, body := getDocs(t, "/openapi.json"); !bytes.Equal([]byte(body), api.DocumentOf(api.ProgramDaily)) {
		t.Error("/openapi.json is not the document of daily in package api")
	}
}

func TestDocsFilesCarryATagThatSavesTheirBody(t *testing.T) {
	tags := map[string]string{}
	for _, path := range docsPaths {
		whole, _ := getDocs(t, path)
		tag := whole.Header.Get("ETag")
		if other, taken := tags[tag]; taken || !strings.HasPrefix(tag, `W/"`) {
			t.Errorf("%s has the tag %q, as has %q", path, tag, other)
		}
		tags[tag] = path
		answer, body := askDocs(t, docsHandler(), http.MethodGet, path, "If-None-Match", tag)
		if answer.StatusCode != http.StatusNotModified || body != "" || answer.Header.Get("Cache-Control") != whole.Header.Get("Cache-Control") {
			t.Errorf("%s is not modified, and answers %s and %d bytes, %v", path, answer.Status, len(body), answer.Header)
		}
		if answer, _ := askDocs(t, docsHandler(), http.MethodGet, path, "If-None-Match", `"other"`); answer.StatusCode != http.StatusOK {
			t.Errorf("%s answers %s to another tag", path, answer.Status)
		}
	}
}

func TestDocsLeadsToSwaggerUI(t *testing.T) {
	for _, path := range []string{"/docs", "/docs/"} {
		answer, _ := askDocs(t, docsHandler(), http.MethodGet, path)
		if location := answer.Header.Get("Location"); answer.StatusCode != http.StatusFound || location != "/docs/index.html" {
			t.Errorf("%s answers %s and leads to %q", path, answer.Status, location)
		}
	}
}

func TestSwaggerUIShowsOurDocumentAndAsksNoValidator(t *testing.T) {
	_, html := getDocs(t, "/docs/index.html")
	for _, want := range []string{`url: "\/openapi.json"`, `validatorUrl: null`} {
		if !strings.Contains(html, want) {
			t.Errorf("the page of Swagger UI lacks %s", want)
		}
	}
}

func TestSwaggerUIIsFoundWhateverTheQuery(t *testing.T) {
	_, plain := getDocs(t, "/docs/index.html")
	if _, html := getDocs(t, "/docs/index.html?docExpansion=full&file=a.css"); html != plain {
		t.Error("a query changes the page of Swagger UI")
	}
}

func TestPartsOfSwaggerUIThatItsPageDoesNotNeedAreNotServed(t *testing.T) {
	for _, path := range []string{
		"/docs/doc.json", "/docs/swagger-initializer.js", "/docs/oauth2-redirect.html", "/docs/swagger-ui.js", "/docs/%2e", "/docs//index.html",
	} {
		if answer, _ := askDocs(t, docsHandler(), http.MethodGet, path); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s answers %s", path, answer.Status)
		}
	}
}

func TestRedocShowsOurDocument(t *testing.T) {
	_, html := getDocs(t, "/redoc")
	if !strings.Contains(html, `<redoc spec-url="/openapi.json">`) {
		t.Error("the page of ReDoc does not name the document")
	}
}

func TestRedocDoesNotFetchItsLogo(t *testing.T) {
	_, script := getDocs(t, "/redoc/redoc.standalone.js")
	if strings.Contains(script, "cdn.redoc.ly") {
		t.Error("the script still refers to cdn.redoc.ly")
	}
	if !strings.Contains(script, `alt:"redocly logo",onError:()=>t(!1),src:"data:,"`) {
		t.Error("the logo is no longer where it was: look what the new script does instead")
	}
}

func TestBrowsersKeepRedocUntilItsVersionChanges(t *testing.T) {
	_, licenses := getDocs(t, "/redoc/redoc.standalone.js.LICENSE.txt")
	version := regexp.MustCompile(`Version: "([0-9.]+)"`).FindStringSubmatch(licenses)
	if version == nil {
		t.Fatal("the licenses do not name the version of ReDoc")
	}
	_, html := getDocs(t, "/redoc")
	script := "/redoc/redoc.standalone.js?v=" + version[1]
	if !strings.Contains(html, `src="`+script+`"`) {
		t.Errorf("the page does not ask for version %s", version[1])
	}
	answer, _ := getDocs(t, script)
	if cache := answer.Header.Get("Cache-Control"); cache != "public, max-age=31536000, immutable" {
		t.Errorf("the script is kept: %q", cache)
	}
}

func TestDocsPagesAnswerHeadAsGet(t *testing.T) {
	server := httptest.NewServer(docsHandler())
	defer server.Close()
	for _, path := range docsPaths {
		answer, err := http.Head(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("HEAD %s answers %s", path, answer.Status)
		}
	}
}
