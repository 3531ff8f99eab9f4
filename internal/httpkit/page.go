package httpkit

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"meterledger/api"
	"meterledger/internal/config"
	"meterledger/internal/meter"
)

// pagePolicy lets a browser load and send nothing but from and to this program, and run nothing
// that stands within a page.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Frame is what stands around the body of a page.
type Frame struct {
	Title   string // of the page; also its heading
	Nav     []Link // to the pages beside it
	Here    string // the Href in Nav of the page itself
	Note    string // for the foot, such as of which zone times are
	Styles  []string
	Modules []string // paths of ES modules
}

// Link is a link of a page.
type Link struct{ Href, Text string }

// WritePage answers with a page. A browser that has it already gets a 304, if the status is 200.
func WritePage(w http.ResponseWriter, r *http.Request, status int, f Frame, body HTML) {
	page := []byte(f.around(answerOf(w), body))
	header := w.Header()
	header.Set("Content-Security-Policy", pagePolicy)
	header.Set("Referrer-Policy", "same-origin")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Type", contentTypes[".html"])
	Vary(w, varyPage)
	header.Set("Cache-Control", KeepNothing)
	if status == http.StatusOK && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		sum := sha256.Sum256(page)
		if NotModified(w, r, base64.RawURLEncoding.EncodeToString(sum[:16])) {
			return
		}
	}
	if quality(r.Header.Values("Accept-Encoding"), "gzip") > 0 {
		header.Set("Content-Encoding", "gzip")
		page = compressPage(page)
	}
	header.Set("Content-Length", strconv.Itoa(len(page)))
	w.WriteHeader(status)
	_, _ = w.Write(page) // a failed write means that the caller has gone
}

var varyPage = []string{"Accept, Accept-Encoding, Cookie"}

var pageCompressors = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

func compressPage(page []byte) []byte {
	var packed bytes.Buffer
	packer := pageCompressors.Get().(*gzip.Writer)
	defer pageCompressors.Put(packer)
	packer.Reset(&packed)
	_, _ = packer.Write(page) // a buffer takes all
	_ = packer.Close()
	return packed.Bytes()
}

// around returns the whole page.
func (f Frame) around(a *answer, body HTML) HTML {
	var links HTML
	for _, path := range append([]string{look.Path("look.css")}, f.Styles...) {
		links += Markup("<link rel=\"stylesheet\" href=\"%s\">\n", path)
	}
	modules := f.Modules
	if a.caller.Credential != "" {
		modules = append(slices.Clip(modules), look.Path("back.js"))
	}
	for _, path := range modules {
		links += Markup("<script type=\"module\" src=\"%s\"></script>\n", path)
	}
	note := config.Version()
	if f.Note != "" {
		note = f.Note + " · " + note
	}
	return Markup(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>%s · %s</title>
<link rel="icon" href="%s">
%s</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<a class="brand" href="/">%s</a>
%s%s</header>
<main id="main">
<h1>%s</h1>
%s
</main>
<footer><span class="noprint"><a href="/docs">API</a> · </span>%s</footer>
</body>
</html>
`, f.Title, a.program.title(), look.Path("icon.svg"), links, a.program.title(), f.nav(), a.who(), f.Title, body, note)
}

func (f Frame) nav() HTML {
	if len(f.Nav) == 0 {
		return ""
	}
	var items HTML
	for _, link := range f.Nav {
		var current HTML
		if link.Href == f.Here {
			current = ` aria-current="page"`
		}
		items += Markup(`<li><a href="%s"%s>%s</a></li>`, link.Href, current, link.Text)
	}
	return Markup("<nav aria-label=\"Pages\"><ul>%s</ul></nav>\n", items)
}

// who says who asks, with a button to leave.
func (a *answer) who() HTML {
	if a.caller.Role == meter.NoRole || a.caller.Credential == "" {
		return ""
	}
	return Markup(`<form class="who" method="post" action="/ui/logout"><bdi>%s</bdi> (%s) <button>Log out</button></form>
`, a.caller.Name(), a.caller.Role)
}

// title is the program's name for people.
func (p *Program) title() string { return "Meterledger " + string(p.Name) }

// TellProgram tells a program that asks at the root which program this is, and where it goes on: the paths
// of the status and of the pages, and those that all programs have. A browser is to be shown a page: then
// it returns false.
func TellProgram(w http.ResponseWriter, r *http.Request, status, pages string) bool {
	Vary(w, varyRoot)
	if WantsPage(r) {
		return false
	}
	build := config.ThisBuild()
	WriteJSON(w, http.StatusOK, api.Root{
		Name: "meterledger " + string(answerOf(w).program.Name), Version: build.Version, Commit: build.Commit,
		Links: map[string]string{"docs": "/docs", "openapi": "/openapi.json", "ready": "/readyz", "status": status, "pages": pages},
	})
	return true
}

var varyRoot = []string{"Accept"}

// Redirect has a browser go on with another page.
func Redirect(w http.ResponseWriter, r *http.Request, to string) {
	w.Header().Set("Cache-Control", KeepNothing)
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// isPage reports whether a browser asks for a page, which is then also what an error is answered with.
func isPage(r *http.Request) bool { return isOfPages(r) && WantsPage(r) }

// isOfPages reports whether a request is for the pages, and not for the api.
func isOfPages(r *http.Request) bool {
	path := r.URL.Path
	return path == "/" || path == "/ui" || strings.HasPrefix(path, "/ui/")
}

// WantsPage reports whether a caller prefers HTML to JSON, as browsers do.
func WantsPage(r *http.Request) bool { return Prefers(r, typeJSON[0], "text/html") == "text/html" }

// writeErrorPage answers a browser with an error: who is not known, with the form to log in.
func writeErrorPage(w http.ResponseWriter, r *http.Request, e *meter.Error, instance string) {
	if e.Kind == meter.KindUnauthorized {
		to := "/"
		if slices.Contains(methodsAllowed(r), http.MethodGet) { // what a button sent is not sent again
			to = r.URL.RequestURI()
		}
		writeLogin(w, r, statusOf[e.Kind], "", to)
		return
	}
	if e.Reason == meter.ReasonStarting {
		w.Header().Set("Refresh", "1") // seconds
	}
	status := statusOf[e.Kind]
	WritePage(w, r, status, Frame{Title: http.StatusText(status)}, Markup(
		`<p class="notice bad">%s</p>
<p><a class="button" href="/">Start page</a></p>
<p class="quiet">Code <code>%s</code>, request <code>%s</code></p>`, Sentence(e.Detail), e.Code, instance))
}

// Sentence returns a detail as a sentence of its own. The name of a parameter stays as it is.
func Sentence(detail string) string {
	if word, _, _ := strings.Cut(detail, " "); !strings.Contains(word, "_") {
		detail = strings.ToUpper(detail[:1]) + detail[1:]
	}
	return detail + "."
}
