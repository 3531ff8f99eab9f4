package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// TestASessionIsFoundFromALinkOfAnotherSiteAndLeavesNothingBehind is what only a browser can show of a
// cookie: that it is kept, when it is sent, and what going back shows after the end.
func TestASessionIsFoundFromALinkOfAnotherSiteAndLeavesNothingBehind(t *testing.T) {
	tab := browse(t)
	s, token := startWithAccess(t)
	nation := s.API.URL + "/ui/operator"
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `<!DOCTYPE html><title>A mail</title><a id="link" href="%s">Look</a>`, nation)
	}))
	defer other.Close()
	const isIn, isOut = "form.who", "input#token"
	do := func(what string, steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		ctx, stop := context.WithTimeout(tab, time.Minute)
		defer stop()
		if err := chromedp.Do(ctx, steps...); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if at, err := chromedp.Run(tab, chromedp.Location()); err != nil || at != nation && what != "logging out" {
			t.Errorf("%s leads to %s, %v", what, at, err)
		}
	}
	if err := chromedp.Do(tab, chromedp.Navigate(nation)); err != nil {
		t.Fatal(err)
	}
	do("logging in", chromedp.SendKeys(isOut, token), chromedp.Click("form.login button"), chromedp.WaitVisible(isIn))
	do("a link of another site", chromedp.Navigate(strings.Replace(other.URL, "127.0.0.1", "localhost", 1)), chromedp.Click("#link"), chromedp.WaitVisible(isIn))
	do("logging out", chromedp.Click(isIn+" button"), chromedp.WaitVisible(isOut))
	do("going back", chromedp.NavigateBack(), chromedp.WaitVisible(isOut))
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

// TestALivePageSaysWhenItIsNot: what an operator watches must not look like the present when it is the
// past, and what a session showed goes with it.
func TestALivePageSaysWhenItIsNot(t *testing.T) {
	ctx := browse(t)
	s, token := startWithAccess(t)
	do := func(what string, steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		patient, stop := context.WithTimeout(ctx, time.Minute)
		defer stop()
		if err := chromedp.Do(patient, steps...); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	const hurry = `const wait = window.setTimeout; window.setTimeout = (then, ms) => wait(then, ms / 50)` // seconds are nothing to wait for
	if _, err := call(&tab{ctx: ctx}, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: hurry}); err != nil {
		t.Fatal(err)
	}
	const form, notice = "input#token", "main > .notice[role=status]"
	do("logging in", chromedp.Navigate(s.API.URL+"/ui/operator"), chromedp.SendKeys(form, token),
		chromedp.Click("form.login button"), chromedp.WaitNotVisible(notice))
	if err := s.API.Kill(); err != nil {
		t.Fatal(err)
	}
	do("the api is away", chromedp.WaitVisible(notice))
	s.restart()
	do("the api is back", chromedp.WaitNotVisible(notice))
	const revoke = `(async () => {
		const { credential_id } = await (await fetch("/whoami")).json();
		const { token } = await (await fetch("/credentials?role=operator", { method: "POST" })).json(); // nobody revokes their own
		return (await fetch("/credentials/" + credential_id, { method: "DELETE", headers: { Authorization: "Bearer " + token } })).status;
	})()`
	if status, err := chromedp.Run(ctx, chromedp.Evaluate[int](revoke, chromedp.EvalAwaitPromise)); status != http.StatusOK || err != nil {
		t.Fatal(status, err)
	}
	do("the session is over", chromedp.WaitVisible(form))
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}
