package rest_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

func TestANodeWhoseDiskFailsSendsCallersToTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTrio(t)
		defer o.close()
		a, b := o.members[0], o.members[1]
		a.register("M")
		o.broken.Store("data-b/audit")
		const change = "/meters/M?rolls_over_at=1000000"
		answer, body := b.want(http.StatusServiceUnavailable, "PATCH", change)
		if answer.Header.Get("Retry-After") != "1" || !strings.Contains(body, `"code":"not_ready"`) {
			t.Errorf("the answer says %v, %s", answer.Header, body)
		}
		a.want(http.StatusOK, "PATCH", change)
		o.broken.Store("")
		b.want(http.StatusOK, "PATCH", change)
	})
}
