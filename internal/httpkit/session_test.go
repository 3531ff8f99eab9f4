package httpkit_test

import (
	"compress/gzip"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// tokenDoor knows the tokens of roles by their names, and refuses others: late while it cannot know, and
// many as one too many.
type tokenDoor struct{}

func (tokenDoor) Caller(r *http.Request) (meter.Caller, error) {
	sent := r.Header.Get("Authorization")
	token, isBearer := strings.CutPrefix(sent, "Bearer ")
	role, err := meter.ParseRole(token)
	switch {
	case sent == "":
		return meter.Caller{}, nil
	case token == "many":
		return meter.Caller{}, &meter.Error{Kind: meter.KindTooMany, Code: meter.CodeRateLimited, Detail: "too many", RetryAfter: time.Minute}
	case token == "late":
		return meter.Caller{}, meter.Unavailable(meter.CodeNotReady, time.Second, "the api is starting").Because(meter.ReasonStarting)
	case !isBearer || err != nil:
		return meter.Caller{}, meter.Errorf(meter.KindUnauthorized, meter.CodeUnauthorized, "the token is not known here")
	}
	return meter.Caller{Role: role, Credential: "c-1", Label: "<b>Tan</b> & Söhne"}, nil
}

// newPages returns a router with pages for a household and an operator, and an answer for members.
func newPages(door httpkit.Door) chi.Router {
	router := httpkit.NewRouter(httpkit.Program{
		Name: "api", Log: slog.New(slog.DiscardHandler), Metrics: httpkit.NewMetrics(), SwaggerUI: httpkit.SwaggerUI(), Door: door,
	})
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		httpkit.WritePage(w, r, http.StatusOK, httpkit.Frame{
			Title: "A <page>", Here: "/ui/home", Nav: []httpkit.Link{{Href: "/ui/home", Text: "Home"}, {Href: "/ui/nation", Text: "Nation"}},
		}, "<p>Body</p>")
	})
	router.Method(http.MethodGet, "/ui/home", httpkit.For(meter.Homes, page))
	router.Method(http.MethodGet, "/ui/nation", httpkit.For(meter.Readers, page))
	router.Method(http.MethodPost, "/ui/nation", httpkit.For(meter.Operators, page))
	router.Method(http.MethodPost, "/ui/press", httpkit.For(meter.Operators, page))
	router.Method(http.MethodGet, "/ui/broken", httpkit.For(meter.Anyone, httpkit.Handler(func(http.ResponseWriter, *http.Request) error { return io.ErrUnexpectedEOF })))
	router.Method(http.MethodGet, "/answer", httpkit.For(meter.Members, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		httpkit.WriteJSON(w, http.StatusOK, "an answer")
	})))
	return router
}

const session = "__Host-meterledger="

// browse sends a request as a browser does, with more headers by name and value.
func browse(router http.Handler, method, target, body string, headers ...string) (*http.Response, string) {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "localhost"
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	router.ServeHTTP(w, r)
	return w.Result(), w.Body.String()
}

// cookieOf returns the session that an answer sets, or nil.
func cookieOf(answer *http.Response) *http.Cookie {
	for _, cookie := range answer.Cookies() {
		if cookie.Name+"=" == session {
			return cookie
		}
	}
	return nil
}

func login(router http.Handler, token, to string, headers ...string) (*http.Response, string) {
	return browse(router, http.MethodPost, "/ui/login", url.Values{"token": {token}, "to": {to}}.Encode(), headers...)
}

func TestLoggingInSetsACookieThatOnlyThisHostGetsBack(t *testing.T) {
	router := newPages(tokenDoor{})
	for role, length := range map[string]time.Duration{"household": 30 * 24 * time.Hour, "operator": 12 * time.Hour, "auditor": 12 * time.Hour} {
		answer, body := login(router, " "+role+"\n", "/ui/home")
		cookie := cookieOf(answer)
		if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/ui/home" || cookie == nil {
			t.Fatalf("%s: %s %v %s", role, answer.Status, answer.Header, body)
		}
		if cookie.Value != role || cookie.MaxAge != int(length.Seconds()) || !cookie.Secure || !cookie.HttpOnly || cookie.Path != "/" || cookie.Domain != "" || cookie.SameSite != http.SameSiteStrictMode {
			t.Errorf("%s: the cookie is %q", role, cookie.Raw)
		}
		if answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: the answer is kept: %v", role, answer.Header)
		}
		answer, body = browse(router, http.MethodGet, "/ui/home", "", "Cookie", session+cookie.Value)
		if answer.StatusCode != http.StatusOK || !strings.Contains(body, "Log out") || !strings.Contains(body, "<bdi>&lt;b&gt;Tan&lt;/b&gt; &amp; Söhne</bdi> ("+role+")") {
			t.Errorf("%s: %s %s", role, answer.Status, body)
		}
		if answer, body = browse(router, http.MethodGet, "/answer", "", "Cookie", session+cookie.Value); answer.StatusCode != http.StatusOK {
			t.Errorf("%s: the session does not ask the api: %s %s", role, answer.Status, body)
		}
	}
}

func TestALoginThatFailsSaysWhyAndBeginsNoSession(t *testing.T) {
	router := newPages(tokenDoor{})
	for name, c := range map[string]struct {
		form   string
		status int
		says   string
	}{
		"a wrong token":        {"token=junk&to=/ui/home", http.StatusUnauthorized, "The token is not known here."},
		"a meter's token":      {"token=meter", http.StatusForbidden, "This token is a meter&#39;s, which sends readings and has no pages."},
		"no token":             {"to=/ui/home", http.StatusBadRequest, "Token is missing."},
		"an empty token":       {"token=&to=/ui/home", http.StatusBadRequest, "Token is empty."},
		"two tokens":           {"token=household&token=operator", http.StatusBadRequest, "Token is given more than once."},
		"a long token":         {"token=" + strings.Repeat("x", 4001), http.StatusBadRequest, "Token has more than 4000 characters."},
		"no form":              {"token=%zz", http.StatusBadRequest, "is not percent-encoded"},
		"an endless form":      {"token=" + strings.Repeat("x", 70_000), http.StatusRequestEntityTooLarge, "The body is larger than 65536 bytes."},
		"a door that is shut":  {"token=late", http.StatusServiceUnavailable, "The api is starting."},
		"one failure too many": {"token=many", http.StatusTooManyRequests, "Too many."},
	} {
		answer, body := browse(router, http.MethodPost, "/ui/login", c.form)
		if answer.StatusCode != c.status || !strings.Contains(body, c.says) || cookieOf(answer) != nil {
			t.Errorf("%s: %s %v %s", name, answer.Status, answer.Header, body)
		}
		hasForm := strings.Contains(body, `action="/ui/login"`)
		if hasForm != (c.status != http.StatusServiceUnavailable && c.status != http.StatusTooManyRequests && c.status != http.StatusRequestEntityTooLarge) {
			t.Errorf("%s: it has the form: %v", name, hasForm)
		}
		wantPolicy(t, name, answer)
	}
	if answer, _ := browse(router, http.MethodPost, "/ui/login?token=household", ""); answer.StatusCode != http.StatusBadRequest || cookieOf(answer) != nil {
		t.Errorf("a token in the query: %s", answer.Status)
	}
}

func TestLoggingInLeadsOnlyToPagesOfThisProgram(t *testing.T) {
	router := newPages(tokenDoor{})
	for to, want := range map[string]string{
		"/ui/home": "/ui/home", "/ui/meters/A%2FB/usage?by=day&at=2026-11-01": "/ui/meters/A%2FB/usage?by=day&at=2026-11-01", "": "/", "/": "/",
		"//evil.example": "/", "https://evil.example": "/", "/\\evil.example": "/", "/ui/\\evil.example": "/", "/ui/\r\nX: y": "/", "/\t/evil.example": "/",
		"javascript:alert(1)": "/", "ui/home": "/", "/docs": "/", "/uix": "/", "/ui/..//evil.example": "/evil.example",
	} {
		form := url.Values{"token": {"household"}}
		if to != "" {
			form.Set("to", to)
		}
		answer, _ := browse(router, http.MethodPost, "/ui/login", form.Encode())
		if got := answer.Header.Get("Location"); got != want {
			t.Errorf("%q leads to %q, want %q", to, got, want)
		}
	}
}

func TestWhoIsNotKnownGetsTheFormAndAProgramAProblem(t *testing.T) {
	router := newPages(tokenDoor{})
	answer, body := browse(router, http.MethodGet, "/ui/nation?a=%22%3E%3Cb%3E", "")
	if answer.StatusCode != http.StatusUnauthorized || !strings.Contains(body, `name="to" value="/ui/nation?a=%22%3E%3Cb%3E"`) {
		t.Errorf("%s %s", answer.Status, body)
	}
	if !strings.HasPrefix(answer.Header.Get("WWW-Authenticate"), "Bearer ") || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", answer.Header)
	}
	for _, accept := range []string{"", "*/*", "application/json", "text/html;q=0.1,application/json"} {
		answer, body := browse(router, http.MethodGet, "/ui/nation", "", "Accept", accept)
		if p := asProblem(t, answer, body); p.Status != http.StatusUnauthorized || p.Code != "unauthorized" {
			t.Errorf("%q: %s %s", accept, answer.Status, body)
		}
	}
	if answer, body := browse(router, http.MethodGet, "/answer", ""); asProblem(t, answer, body).Code != "unauthorized" {
		t.Errorf("what is no page: %s", body) // although a browser asks
	}
}

// TestASessionEndsWithItsToken: whoever has its cookie is nobody from then on, and can log in again.
func TestASessionEndsWithItsToken(t *testing.T) {
	router := newPages(tokenDoor{})
	for _, token := range []string{"junk", "operator-", "Bearer operator"} {
		for path, status := range map[string]int{"/ui/nation": http.StatusUnauthorized, "/answer": http.StatusUnauthorized, "/ui/login": http.StatusOK, "/healthz": http.StatusOK} {
			answer, body := browse(router, http.MethodGet, path, "", "Cookie", session+token)
			cookie := cookieOf(answer)
			if answer.StatusCode != status || cookie == nil || cookie.MaxAge != -1 || cookie.Value != "" || !cookie.Secure {
				t.Errorf("%s with %q: %s %v %s", path, token, answer.Status, answer.Header, body)
			}
		}
	}
	answer, _ := login(router, "operator", "/ui/nation", "Cookie", session+"junk")
	if cookie := answer.Cookies(); answer.StatusCode != http.StatusSeeOther || cookie[len(cookie)-1].Value != "operator" {
		t.Errorf("logging in once more: %s %v", answer.Status, answer.Header)
	}
	for token, status := range map[string]int{"late": http.StatusServiceUnavailable, "many": http.StatusTooManyRequests} { // which says nothing about the token
		answer, _ := browse(router, http.MethodGet, "/ui/nation", "", "Cookie", session+token)
		if answer.StatusCode != status || cookieOf(answer) != nil || answer.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %s %v", token, answer.Status, answer.Header)
		}
	}
}

// TestWhoeverLogsInAgainComesBackToAPage: also if the session ended before a button was pressed.
func TestWhoeverLogsInAgainComesBackToAPage(t *testing.T) {
	router := newPages(tokenDoor{})
	for path, to := range map[string]string{"/ui/nation": "/ui/nation", "/ui/press": "/"} {
		answer, body := browse(router, http.MethodPost, path, "a=1", "Cookie", session+"junk")
		if answer.StatusCode != http.StatusUnauthorized || !strings.Contains(body, `name="to" value="`+to+`"`) {
			t.Errorf("%s: %s %s", path, answer.Status, body)
		}
	}
}

// TestASessionOfWhichNothingIsKnownKeepsNobodyFromLoggingInOrOut: not while others of its address send
// wrong tokens, nor while the api is away. The pages that say so look as others do.
func TestASessionOfWhichNothingIsKnownKeepsNobodyFromLoggingInOrOut(t *testing.T) {
	router := newPages(tokenDoor{})
	page, body := browse(router, http.MethodGet, "/ui/login", "")
	style := regexp.MustCompile(`/ui/assets/[^"]*look\.css`).FindString(body)
	if page.StatusCode != http.StatusOK || style == "" {
		t.Fatalf("the form: %s %s", page.Status, body)
	}
	for _, token := range []string{"late", "many"} {
		for _, path := range []string{"/ui/login", style} {
			if answer, _ := browse(router, http.MethodGet, path, "", "Cookie", session+token); answer.StatusCode != http.StatusOK || cookieOf(answer) != nil {
				t.Errorf("%s: %s %s %v", token, path, answer.Status, answer.Header)
			}
		}
		if answer, _ := login(router, "operator", "/ui/nation", "Cookie", session+token); answer.StatusCode != http.StatusSeeOther || cookieOf(answer) == nil || cookieOf(answer).Value != "operator" {
			t.Errorf("%s: logging in: %s %v", token, answer.Status, answer.Header)
		}
		if answer, _ := browse(router, http.MethodPost, "/ui/logout", "", "Cookie", session+token); answer.StatusCode != http.StatusSeeOther || cookieOf(answer) == nil || cookieOf(answer).MaxAge != -1 {
			t.Errorf("%s: logging out: %s %v", token, answer.Status, answer.Header)
		}
	}
}

func TestAHeaderIsAskedBeforeTheSession(t *testing.T) {
	router := newPages(tokenDoor{})
	for authorization, status := range map[string]int{"Bearer operator": http.StatusOK, "Bearer household": http.StatusForbidden, "Bearer junk": http.StatusUnauthorized, "Basic x": http.StatusUnauthorized} {
		answer, _ := browse(router, http.MethodGet, "/ui/nation", "", "Cookie", session+"operator", "Authorization", authorization)
		if answer.StatusCode != status || cookieOf(answer) != nil {
			t.Errorf("%s: %s %v", authorization, answer.Status, answer.Header)
		}
	}
	for _, cookie := range []string{"meterledger=operator", "x" + session + "operator", session, "other=1"} {
		if answer, _ := browse(router, http.MethodGet, "/ui/nation", "", "Cookie", cookie); answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %s", cookie, answer.Status)
		}
	}
}

func TestLoggingOutEndsTheSessionAndWhatTheBrowserKept(t *testing.T) {
	router := newPages(tokenDoor{})
	answer, _ := browse(router, http.MethodPost, "/ui/logout", "", "Cookie", session+"operator")
	cookie := cookieOf(answer)
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/ui/login" || cookie == nil || cookie.MaxAge != -1 || answer.Header.Get("Clear-Site-Data") != `"cache"` {
		t.Errorf("%s %v", answer.Status, answer.Header)
	}
	if answer, body := browse(router, http.MethodGet, "/ui/logout", ""); answer.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("a link logs out: %s %s", answer.Status, body)
	}
}

// TestAnotherOriginCannotUseASession: the cookie is not sent along either, but that is the browser's part.
func TestAnotherOriginCannotUseASession(t *testing.T) {
	router := newPages(tokenDoor{})
	for name, headers := range map[string][]string{
		"cross-site": {"Sec-Fetch-Site", "cross-site"}, "a port beside it": {"Sec-Fetch-Site", "same-site"}, "an old browser": {"Origin", "https://evil.example"}, "a sandbox": {"Origin", "null"},
	} {
		headers = append(headers, "Cookie", session+"operator")
		for _, path := range []string{"/ui/nation", "/ui/login", "/ui/logout"} {
			answer, body := browse(router, http.MethodPost, path, "token=operator", headers...)
			if answer.StatusCode != http.StatusForbidden || cookieOf(answer) != nil || !strings.Contains(body, "forbidden_origin") {
				t.Errorf("%s posts %s: %s %s", name, path, answer.Status, body)
			}
		}
	}
	answer, _ := browse(router, http.MethodPost, "/ui/nation", "", "Cookie", session+"operator", "Sec-Fetch-Site", "same-origin", "Origin", "http://localhost")
	if answer.StatusCode != http.StatusOK {
		t.Errorf("our own page: %s", answer.Status)
	}
}

// TestALinkOfAnotherSiteFindsTheSession: with SameSite=Strict a browser leaves the cookie out when
// somebody follows a link of another site, so the form goes there once more by itself.
func TestALinkOfAnotherSiteFindsTheSession(t *testing.T) {
	router := newPages(tokenDoor{})
	for path, to := range map[string]string{"/ui/home?x=1": "/ui/home?x=1", "/ui/login": "/"} {
		answer, _ := browse(router, http.MethodGet, path, "", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate")
		if got := answer.Header.Get("Refresh"); got != "0; url="+to {
			t.Errorf("%s: %q", path, got)
		}
		answer, _ = browse(router, http.MethodGet, path, "", "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate")
		if got := answer.Header.Get("Refresh"); got != "" {
			t.Errorf("%s goes round and round: %q", path, got)
		}
	}
}

func TestWithAccessOffThereIsNothingToLogInTo(t *testing.T) {
	router := newPages(nil)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		answer, _ := browse(router, method, "/ui/login", "token=operator")
		if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/" || cookieOf(answer) != nil {
			t.Errorf("%s: %s %v", method, answer.Status, answer.Header)
		}
	}
	answer, body := browse(router, http.MethodGet, "/ui/nation", "", "Cookie", session+"junk")
	if answer.StatusCode != http.StatusOK || strings.Contains(body, "Log out") || cookieOf(answer) != nil {
		t.Errorf("%s %s", answer.Status, body)
	}
}

// wantPolicy wants a browser to be told what it may do with a page.
func wantPolicy(t *testing.T, name string, answer *http.Response) {
	t.Helper()
	for header, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":  "nosniff", "Referrer-Policy": "same-origin", "Content-Type": "text/html; charset=utf-8",
	} {
		if got := answer.Header.Get(header); got != want {
			t.Errorf("%s: %s is %q, want %q", name, header, got, want)
		}
	}
	if kept := answer.Header.Get("Cache-Control"); kept != httpkit.KeepNothing && (kept != httpkit.KeepAndAsk || answer.StatusCode != http.StatusOK) {
		t.Errorf("%s: Cache-Control is %q", name, kept)
	}
}

func TestEveryPageAndErrorPageSaysWhatABrowserMayDo(t *testing.T) {
	router := newPages(tokenDoor{})
	router.Get("/ui/panic", func(http.ResponseWriter, *http.Request) { panic("oh") })
	for path, c := range map[string]struct {
		token  string
		status int
	}{
		"/ui/home": {"household", 200}, "/ui/login": {"", 200}, "/ui/nation": {"household", 403}, "/ui/none": {"operator", 404}, "/ui": {"", 404},
		"/ui/broken": {"", 500}, "/ui/panic": {"", 500}, "/ui/home?": {"late", 503},
	} {
		headers := []string{"Cookie", session + c.token}
		answer, body := browse(router, http.MethodGet, path, "", headers...)
		if answer.StatusCode != c.status {
			t.Errorf("%s: %s %s", path, answer.Status, body)
		}
		wantPolicy(t, path, answer)
		if id := answer.Header.Get("X-Request-Id"); c.status >= 400 && !strings.Contains(body, "request <code>"+id+"</code>") {
			t.Errorf("%s does not name the request %s: %s", path, id, body)
		}
		if strings.Contains(body, "unexpected EOF") || strings.Contains(body, "oh") && c.status == 500 && strings.Contains(body, "panic") {
			t.Errorf("%s tells what went wrong within: %s", path, body)
		}
	}
	answer, body := browse(router, http.MethodGet, "/ui/%3Cscript%3Ealert(1)%3C%2Fscript%3E", "")
	if answer.StatusCode != http.StatusNotFound || strings.Contains(body, "<script>") || !strings.Contains(body, "&lt;script&gt;") {
		t.Errorf("a path with markup: %s", body)
	}
}

func TestAPageIsSentOnceAndCompressed(t *testing.T) {
	router := newPages(tokenDoor{})
	whole, body := browse(router, http.MethodGet, "/ui/home", "", "Cookie", session+"household")
	if !strings.Contains(body, "<h1>A &lt;page&gt;</h1>\n<p>Body</p>") || !strings.Contains(body, `<a href="/ui/home" aria-current="page">Home</a>`) {
		t.Errorf("%s", body)
	}
	tag := whole.Header.Get("ETag")
	if tag == "" || whole.Header.Get("Cache-Control") != "private, no-cache" || whole.Header.Get("Vary") != "Authorization, Accept, Accept-Encoding, Cookie" {
		t.Errorf("%v", whole.Header)
	}
	packed, text := browse(router, http.MethodGet, "/ui/home", "", "Cookie", session+"household", "Accept-Encoding", "gzip, br")
	unpacked, err := gzip.NewReader(strings.NewReader(text))
	if err != nil || packed.Header.Get("Content-Encoding") != "gzip" || packed.Header.Get("ETag") != tag {
		t.Fatal(err, packed.Header)
	}
	if content, err := io.ReadAll(unpacked); err != nil || string(content) != body {
		t.Errorf("%v %s", err, content)
	}
	known, text := browse(router, http.MethodGet, "/ui/home", "", "Cookie", session+"household", "If-None-Match", tag)
	if known.StatusCode != http.StatusNotModified || text != "" || known.Header.Get("Content-Security-Policy") == "" {
		t.Errorf("%s %v %s", known.Status, known.Header, text)
	}
	if other, _ := browse(router, http.MethodGet, "/ui/home", "", "Cookie", session+"operator", "If-None-Match", tag); other.StatusCode != http.StatusOK {
		t.Errorf("the page of another caller is taken for the same: %s", other.Status)
	}
	head, _ := browse(router, http.MethodHead, "/ui/home", "", "Cookie", session+"household")
	maps.DeleteFunc(whole.Header, func(name string, _ []string) bool { return name == "X-Request-Id" })
	for name := range whole.Header {
		if head.Header.Get(name) != whole.Header.Get(name) {
			t.Errorf("HEAD has %s: %q, and GET %q", name, head.Header.Get(name), whole.Header.Get(name))
		}
	}
}

func TestAProgramThatStartsHasItsPageAskAgain(t *testing.T) {
	gate := httpkit.NewGate(httpkit.Program{
		Name: "api", Log: slog.New(slog.DiscardHandler), Metrics: httpkit.NewMetrics(), SwaggerUI: httpkit.SwaggerUI(), Door: tokenDoor{},
	}, func() string { return "the api is starting: 40 of 112" })
	for path, token := range map[string]string{"/": "", "/ui/home": "", "/ui/nation": "late"} {
		answer, body := browse(gate, http.MethodGet, path, "", "Cookie", session+token)
		if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Refresh") != "1" || !strings.Contains(body, "The api is starting") || cookieOf(answer) != nil {
			t.Errorf("%s: %s %v %s", path, answer.Status, answer.Header, body)
		}
		wantPolicy(t, path, answer)
	}
	if answer, body := browse(gate, http.MethodGet, "/", "", "Accept", "*/*"); asProblem(t, answer, body).Reason != meter.ReasonStarting || answer.Header.Get("Refresh") != "" {
		t.Errorf("a program: %s", body)
	}
}

func TestFilesOfPagesAreKeptForEver(t *testing.T) {
	router := newPages(tokenDoor{})
	_, body := browse(router, http.MethodGet, "/ui/login", "")
	files := regexp.MustCompile(`/ui/assets/[^"]+`).FindAllString(body, -1)
	if len(files) != 2 {
		t.Errorf("the page names %q", files)
	}
	for _, path := range files {
		answer, _ := browse(router, http.MethodGet, path, "")
		if answer.StatusCode != http.StatusOK || answer.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || answer.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %s %v", path, answer.Status, answer.Header)
		}
	}
	answer, body := browse(router, http.MethodGet, "/favicon.ico", "")
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "image/svg+xml" || !strings.HasPrefix(body, "<svg") {
		t.Errorf("the icon: %s %v", answer.Status, answer.Header)
	}
}
