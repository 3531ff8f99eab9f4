package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// faultyPage has one of all faults that pages of the suite are tried for.
const faultyPage = `<!DOCTYPE html><html lang="en"><title>Faulty</title><meta name="viewport" content="width=device-width">
<style>main { width: 2000px } .grey { color: #aaa } #dark { outline: none }</style>
<main><h1>Faulty</h1><p class="grey">Nobody can read this.</p>
<button id="dark">Not seen</button> <button id="deep" tabindex="-1">Not reached</button></main>
<img src="http://127.0.0.2:9/other.png" alt="">
<script>console.error("said"); undefinedThing()</script>`

// TestATabNoticesWhatIsWrongWithAPage: else no page of the suite could ever fail.
func TestATabNoticesWhatIsWrongWithAPage(t *testing.T) {
	tab := newTab(t, browse(t))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, faultyPage) }))
	defer server.Close()
	if _, err := tab.visit(server.URL); err != nil {
		t.Fatal(err)
	}
	notices := func(what string, noticed error) {
		t.Helper()
		if noticed == nil || !strings.Contains(noticed.Error(), what) {
			t.Errorf("nobody notices %q, but %v", what, noticed)
		}
	}
	notices("wider than its window: 20", (&visitors{}).lookAs(tab, look{390, "light", ""}))
	against, err := tab.violations(wcag)
	notices("color-contrast at p", fmt.Errorf("%v, %w", against, err))
	notices("Not reached", tab.walk())
	if _, err := ask[bool](tab, `document.getElementById("deep").remove(), true`); err != nil {
		t.Fatal(err)
	}
	notices("Not seen", tab.walk())
	faults := fmt.Errorf("%v", tab.takeFaults())
	for _, what := range []string{"said", "undefinedThing", "it asks http://127.0.0.2:9/other.png"} {
		notices(what, faults)
	}
}
