package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// tryAll is what a person does on a page of Swagger UI: it opens each operation, asks to
// try it out, sends what is filled in, and waits for the answer. Swagger UI may put another element in the
// place of any, so each is looked for in the page, and nothing waits for one that is gone.
const tryAll = `(async () => {
	const seen = what => new Promise(done => {
		const look = () => { const found = document.querySelector(what); if (found) { watch.disconnect(); done(found) } };
		const watch = new MutationObserver(look);
		watch.observe(document, {childList: true, subtree: true});
		look();
	});
	await seen('.opblock');
	const tried = [];
	for (const id of [...document.querySelectorAll('.opblock')].map(operation => operation.id)) {
		const part = what => seen('#' + CSS.escape(id) + ' ' + what);
		(await part('.opblock-summary-control')).click();
		(await part('.try-out__btn')).click();
		(await part('.execute')).click();
		const status = await part('.live-responses-table .response .response-col_status');
		tried.push({
			Name: id, Status: status.innerText,
			URL: (await part('.request-url')).innerText,
			Answer: (await part('.live-responses-table')).innerText,
		});
		(await part('.opblock-summary-control')).click(); // what is closed costs nothing any more
	}
	return tried;
})()`

// attempt is an operation that was tried out.
type attempt struct{ Name, Status, URL, Answer string }

// browse returns a tab of a Chromium with an empty profile, or skips the test.
func browse(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skipf("needs Debian's chromium: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	for tries := 1; ; tries++ {
		options := append(chromedp.DefaultExecAllocatorOptions[:],
			chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
			chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
			chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
		allocator, cancel := chromedp.NewExecAllocator(ctx, options...)
		t.Cleanup(cancel)
		tab, cancel := chromedp.NewContext(allocator)
		t.Cleanup(cancel)
		err := chromedp.Do(tab) // starts it, so that further tabs can be opened beside this one
		if err == nil {
			return tab
		}
		if tries == browserStarts || !strings.Contains(err.Error(), "failed to start") {
			t.Fatal(err)
		}
		t.Logf("try %d: %v", tries, err)
	}
}

// browserStarts is how often a Chromium is started before a test fails: beside other tests it is seen to
// end while it begins, which says nothing of what is tested.
const browserStarts = 3

// evaluate opens a page, runs a script on it, and returns what that promises. Beside other tests a Chromium is seen to
// throw away the page on which a script has begun: then the same is done again.
func evaluate[T any](tab context.Context, page, script string) (promised T, err error) {
	for range browserStarts {
		if _, err = chromedp.Run(tab, chromedp.Navigate(page)); err != nil {
			return promised, err
		}
		promised, err = chromedp.Run(tab, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
		if err == nil || !strings.Contains(err.Error(), "Promise was collected") {
			break
		}
	}
	return promised, err
}

func TestEveryTryItOutWorksOnTheProgramOfItsPage(t *testing.T) {
	tab := browse(t)
	s := startSuite(t)
	for base, least := range map[string]int{s.API.URL: 17, s.Daily.URL: 5, s.Monthly.URL: 5} {
		tried, err := evaluate[[]attempt](tab, base+"/docs", tryAll)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range tried {
			status, _, _ := strings.Cut(a.Status, "\n")
			code, err := strconv.Atoi(strings.TrimSpace(status))
			isDocumented := !strings.Contains(a.Status, "Undocumented") || strings.HasSuffix(a.Name, "getSwaggerUI") // where the browser follows the 302
			isAnswer := err == nil && isDocumented && strings.Contains(a.URL, base+"/")
			if strings.Contains(a.URL, "/exchange?") || strings.Contains(a.URL, "/exceptions/resolve?") || strings.Contains(a.URL, "/credentials/") { // of what is not there
				a.Answer = strings.ReplaceAll(a.Answer, `"code": "not_found"`, "")
			}
			for _, wrong := range []string{"invalid_parameter", "not_found", "method_not_allowed", "unsupported_media_type", "forbidden_origin"} {
				isAnswer = isAnswer && (code < http.StatusBadRequest || !strings.Contains(a.Answer, `"code": "`+wrong+`"`))
			}
			if !isAnswer || code == http.StatusInternalServerError {
				t.Errorf("%s asks %s and gets %s: %s", a.Name, a.URL, a.Status, a.Answer)
			}
		}
		if len(tried) < least {
			t.Errorf("%s has only %d operations to try", base, len(tried))
		}
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

func TestAPageOfAnotherOriginCannotShutReceptionDown(t *testing.T) {
	tab := browse(t)
	s := startSuite(t)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<!DOCTYPE html><title>evil</title>") }))
	defer other.Close()
	attack := fmt.Sprintf(`fetch(%q, {method: "POST", mode: "no-cors"}).then(a => a.type)`, s.API.URL+"/shutdown")
	if answer, err := evaluate[string](tab, other.URL, attack); err != nil || answer != "opaque" {
		t.Fatalf("the request was not sent: %q, %v", answer, err)
	}
	var status struct {
		Receiving bool `json:"is_receiving_data"`
	}
	s.call(http.MethodGet, s.API.URL, "/maintenance/status", nil, http.StatusOK, &status)
	if !status.Receiving {
		t.Error("a page of another origin has shut reception down")
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

// TestTryItOutSendsTheTokenOfAuthorize: a page that does not is of no use with access on.
func TestTryItOutSendsTheTokenOfAuthorize(t *testing.T) {
	tab := browse(t)
	s, token := startWithAccess(t)
	authorize := fmt.Sprintf(`new Promise(done => {
		const wait = setInterval(() => {
			if (!window.ui || !document.querySelector('.btn.authorize')) return;
			clearInterval(wait);
			ui.preauthorizeApiKey("bearer", %q);
			done();
		}, 50);
	}).then(() => %s)`, token, tryAll)
	for base, least := range map[string]int{s.Daily.URL: 5, s.Monthly.URL: 5} {
		tried, err := evaluate[[]attempt](tab, base+"/docs", authorize)
		if err != nil || len(tried) < least {
			t.Fatalf("%d operations were tried, %v", len(tried), err)
		}
		for _, a := range tried {
			if strings.HasPrefix(a.Status, "401") {
				t.Errorf("%s asks %s and gets %s: %s", a.Name, a.URL, a.Status, a.Answer)
			}
		}
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}
