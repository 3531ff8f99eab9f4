package rest_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meterledger/internal/clustertest"
	"meterledger/internal/httpkit"
	"meterledger/internal/pages"
	"meterledger/internal/rest"
)

// withPages returns what answers browsers at a node.
func (m *peerNode) withPages() http.Handler {
	log, metrics := slog.New(slog.DiscardHandler), httpkit.NewMetrics()
	router := rest.NewHandler(rest.Options{Ledger: m.Ledger, Reader: m.Reader, Runs: m.Runs, Audit: m.Audit, Log: log, Metrics: metrics})
	ended, end := context.WithCancel(context.Background())
	end() // nobody looks at the figures now and then
	pages.Mount(ended, router, pages.Options{API: router, Reader: m.Reader, Metrics: metrics, Log: log})
	return router
}

// presses has the button of an action pressed, which leads to a page, and returns the cookies that it leaves.
func presses(t *testing.T, h http.Handler, action string) []*http.Cookie {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "http://localhost/ui/operator/actions/"+action, strings.NewReader("step=do"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%s is answered %d %s", action, w.Code, w.Body)
	}
	return w.Result().Cookies()
}

// opensNow opens the page that says whether readings are taken.
func opensNow(h http.Handler, cookies ...*http.Cookie) (status int, page string) {
	r := httptest.NewRequest(http.MethodGet, "http://localhost/ui/operator", nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestThePageThatFollowsAChangeShowsItAtAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTrio(t)
		defer o.close()
		a, b := o.members[0].withPages(), o.members[1].withPages()
		o.part(clustertest.Faults{DelayMax: 400 * time.Millisecond}, o.members[1])
		missed := 0
		for range 10 {
			for action, next := range map[string]string{"shutdown": "Resume reception", "resume": "Shut reception down"} {
				if _, page := opensNow(a); strings.Contains(page, next) {
					continue // in whichever order
				}
				cookies := presses(t, a, action)
				if _, page := opensNow(b); !strings.Contains(page, next) {
					missed++
				}
				if status, page := opensNow(b, cookies...); status != http.StatusOK || !strings.Contains(page, next) {
					t.Errorf("after %s, another node answers %d, and has no button %q", action, status, next)
				}
			}
		}
		if missed == 0 {
			t.Error("the other node was never behind: nothing was shown")
		}
		o.part(clustertest.Faults{Link: clustertest.Drops}, o.members[1])
		_, page := opensNow(a)
		action := "shutdown"
		if strings.Contains(page, "Resume reception") {
			action = "resume"
		}
		if status, _ := opensNow(b, presses(t, a, action)...); status != http.StatusServiceUnavailable {
			t.Errorf("a node that is cut off answers %d", status)
		}
		other := &http.Cookie{Name: "meterledger-after", Value: strings.Repeat("0", 32) + "/1"}
		if status, _ := opensNow(b, other); status != http.StatusOK {
			t.Errorf("with the position of another ledger it answers %d", status)
		}
		o.part(clustertest.Faults{}, o.members[1])
	})
}

func TestANodeAloneLeavesNoPositionInBrowsers(t *testing.T) {
	s := newScript(t, "pageposition_test.go")
	if cookies := presses(t, s.server.Config.Handler, "shutdown"); len(cookies) > 0 {
		t.Errorf("it leaves %v", cookies)
	}
}
