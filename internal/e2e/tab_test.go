package e2e

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// tab is a tab of Chromium with cookies of its own. It notes what no page may do: write errors into the
// console, and ask another host.
type tab struct {
	ctx context.Context

	mu     sync.Mutex // guards all below
	page   string     // whose status may be an error
	faults []string
}

// newTab opens a tab beside that of ctx.
func newTab(t *testing.T, ctx context.Context) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	opened := &tab{ctx: ctx}
	if err := chromedp.Listen(ctx, opened.note); err != nil {
		t.Fatal(err)
	}
	if _, err := call(opened, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}); err != nil {
		t.Fatal(err)
	}
	return opened
}

func (b *tab) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, "a script failed: "+fmt.Sprint(e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			b.faults = append(b.faults, fmt.Sprintf("the console has a %s: %s", e.Type, e.Args[0].Value))
		}
	case *log.EventEntryAdded:
		isOwnStatus := e.Entry.Source == log.EntrySourceNetwork && e.Entry.URL == b.page
		if (e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning) && !isOwnStatus {
			b.faults = append(b.faults, fmt.Sprintf("the log has: %s (%s)", e.Entry.Text, e.Entry.URL))
		}
	case *network.EventRequestWillBeSent:
		if to, err := url.Parse(e.Request.URL); err != nil || to.Scheme != "data" && to.Hostname() != "127.0.0.1" { // data: a picture of the browser's own
			b.faults = append(b.faults, "it asks "+e.Request.URL)
		}
	}
}

// visit opens a page, and returns its status.
func (b *tab) visit(address string) (int64, error) {
	b.mu.Lock()
	b.page = address
	b.mu.Unlock()
	answer, err := chromedp.Run(b.ctx, chromedp.NavigateResponse(address))
	if err != nil {
		return 0, err
	}
	return answer.Status, nil
}

// takeFaults returns what was noted since it was called last.
func (b *tab) takeFaults() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	faults := b.faults
	b.faults = nil
	return faults
}

// hasFocus waits until the field of the token has the focus, which it gets once the page is drawn.
const hasFocus = `new Promise(done => {
	const look = () => document.activeElement.id === "token" ? done(true) : requestAnimationFrame(look);
	look();
})`

// login begins a session as a person does: the field has the focus, and Enter sends.
func (b *tab) login(base, token string) error {
	status, err := b.visit(base + "/ui/login")
	if err != nil || status != 200 {
		return fmt.Errorf("the form has the status %d: %w", status, err)
	}
	if _, err = ask[bool](b, hasFocus); err != nil {
		return err
	}
	if _, err = chromedp.RunResponse(b.ctx, chromedp.KeyEvent(token), chromedp.KeyEvent(kb.Enter)); err != nil {
		return err
	}
	if isIn, err := ask[bool](b, `document.querySelector("form.who") !== null`); err != nil || !isIn {
		return fmt.Errorf("nobody was logged in, and the page says %s: %w", b.text(), err)
	}
	return nil
}

// see sets width and colours. Heights do not matter: pages scroll.
func (b *tab) see(width int64, scheme string) error {
	if err := chromedp.Do(b.ctx, chromedp.EmulateViewport(width, 900)); err != nil {
		return err
	}
	_, err := call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	return err
}

// cut names what paper would lack of a page, because one scrolls to it on a screen, or nothing.
func (b *tab) cut() (string, error) {
	if _, err := call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"}); err != nil {
		return "", err
	}
	found, err := ask[string](b, `[...document.querySelectorAll("main *")].filter(e => getComputedStyle(e).overflowX !== "visible" && e.clientWidth > 1 && e.scrollWidth > e.clientWidth + 1).map(e => e.outerHTML.slice(0, 120)).join(" | ")`)
	_, back := call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
	return found, errors.Join(err, back)
}

// withScripts sets whether pages may run scripts that they have of themselves.
func (b *tab) withScripts(may bool) error {
	_, err := call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !may})
	return err
}

// text is what the page says.
func (b *tab) text() string {
	said, err := ask[string](b, `document.querySelector("main").innerText`)
	return fmt.Sprint(said, err)
}

func call[P, R any](b *tab, command cdp.Command[P, R], parameters P) (R, error) {
	return chromedp.Run(b.ctx, func(ctx context.Context, target *chromedp.Target) (R, error) {
		return cdp.Call(ctx, target, command, parameters)
	})
}

func ask[T any](b *tab, script string) (T, error) {
	return chromedp.Run(b.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
}

// axe is axe-core 4.14.1 (MPL 2.0), which looks for what keeps people out of a page. It comes in through
// the devtools protocol, so the policy of the page need not let it.
var axe = sync.OnceValues(func() (string, error) {
	packed, err := os.Open("testdata/axe/axe.min.js.gz")
	if err != nil {
		return "", err
	}
	defer packed.Close()
	text, err := gzip.NewReader(packed)
	if err != nil {
		return "", err
	}
	script, err := io.ReadAll(text)
	return string(script), err
})

// Rules that axe is asked about.
const (
	// wcag are those of WCAG 2.2, level AA, and a few on headings and landmarks. target-size is not run by itself.
	wcag = `runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"], rules: {"target-size": {enabled: true}}`
	// ofLook are those of them that depend on width and colours.
	ofLook = `runOnly: {type: "rule", values: ["color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size"]}`
)

const askAxe = `axe.run(document, {%s, resultTypes: ["violations"]}).then(found => found.violations.flatMap(v => v.nodes.slice(0, 3).map(n => v.id + " at " + n.target.join(" ") + ": " + n.failureSummary.replace(/\s+/g, " ") + " " + n.html.slice(0, 200))))`

// violations returns what axe has against the page as it looks now, by some rules.
func (b *tab) violations(rules string) ([]string, error) {
	script, err := axe()
	if err != nil {
		return nil, err
	}
	if isThere, err := ask[bool](b, `"axe" in window`); err != nil {
		return nil, err
	} else if !isThere {
		if _, err := ask[bool](b, script+";true"); err != nil {
			return nil, err
		}
	}
	return ask[[]string](b, fmt.Sprintf(askAxe, rules))
}

// overflow names what makes a page wider than its window, or nothing.
const overflow = `(() => {
	const width = document.documentElement.clientWidth;
	if (document.documentElement.scrollWidth <= width) return "";
	const wide = [...document.querySelectorAll("main *, header *, footer *")].filter(e => !e.closest(".wide, .skip") && e.getBoundingClientRect().right > width + 1);
	return document.documentElement.scrollWidth + " px for " + width + ": " + wide.slice(0, 3).map(e => e.outerHTML.slice(0, 120)).join(" | ");
})()`

// links are the paths that a page leads to, with their queries.
const links = `[...document.querySelectorAll("a[href]")].filter(a => a.origin === location.origin && !a.getAttribute("href").startsWith("#")).map(a => a.pathname + a.search)`

// isPagePath reports whether a path is of a page for people.
func isPagePath(path string) bool {
	path, _, _ = strings.Cut(path, "?")
	return path == "/" || strings.HasPrefix(path, "/ui/") && !strings.HasPrefix(path, "/ui/assets/")
}

// screenshots is the variable with the folder that pictures of pages are kept in, if it is set.
const screenshots = "SCREENSHOTS"

var notInNames = regexp.MustCompile(`[^\w.=-]+`)

// keep keeps a picture of the page as it looks now.
func (b *tab) keep(name string) error {
	folder := os.Getenv(screenshots)
	if folder == "" {
		return nil
	}
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, notInNames.ReplaceAllString(name, "_")+".png"), picture, 0o600)
}
