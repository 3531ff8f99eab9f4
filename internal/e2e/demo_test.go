package e2e

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"meterledger/internal/tools/drill/tour"
)

// TestTheDemoGoesOnRunningForWhoeverWantsToLookAround opens each page that the demo names.
func TestTheDemoGoesOnRunningForWhoeverWantsToLookAround(t *testing.T) {
	buildPrograms(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	told := &lookout{ready: make(chan struct{})}
	ended := make(chan error, 1)
	go func() {
		ended <- tour.Run(ctx, []string{"-bin", binaries, "-dir", t.TempDir(), "-open"}, told, io.Discard)
	}()
	select {
	case <-told.ready:
	case err := <-ended:
		t.Fatalf("%v:\n%s", err, told)
	}
	pages := regexp.MustCompile(`http://\S+/\S*`).FindAllString(told.String()[strings.Index(told.String(), goesOn):], -1)
	if len(pages) != 4 {
		t.Errorf("the pages are %q", pages)
	}
	for _, page := range pages {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", "text/html")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK || !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %s", page, answer.Status)
		}
	}
	interrupt()
	if err := <-ended; err != nil || !strings.Contains(told.String(), "make run") {
		t.Errorf("%v:\n%s", err, told)
	}
}

const goesOn = "The suite goes on running"

// lookout is what the demo prints. ready is closed once it has named the last page.
type lookout struct {
	logs

	ready chan struct{}
}

func (l *lookout) Write(b []byte) (int, error) {
	n, err := l.logs.Write(b)
	if strings.Contains(string(b), "monthly      http://") {
		close(l.ready)
	}
	return n, err
}
