package e2e

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"meterledger/internal/faulttest"
	"meterledger/internal/tools/suite/programs"
)

// attack is callers that hold connections and give nothing for them. Who is cut off comes again.
type attack struct {
	name  string
	count int
	sent  string        // by each, and then no more
	lasts time.Duration // how long the program may stand it

	opened, callers sync.WaitGroup
	over            chan struct{} // closed when nobody comes again
	longest         atomic.Int64  // in nanoseconds
}

// attacks are as many as the descriptors of this process allow, beside the posts. PROOFS=whole
// takes ten times as many.
func attacks(t *testing.T) []*attack {
	t.Helper()
	few, idle := 100, 1_000
	if faulttest.Whole() {
		few, idle = 1_000, 10_000
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	return []*attack{
		{name: "headers that never end", count: few, lasts: 10 * time.Second, sent: "GET /healthz HTTP/1.1\r\nHost: localhost\r\nAccept: "},
		{name: "bodies that stand still", count: few, lasts: 32 * time.Second, sent: "POST /receive_meter_reading HTTP/1.1\r\nHost: localhost\r\n" +
			"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"},
		{name: "idle connections", count: min(idle, int(limit.Cur)-2*few-500), lasts: 2 * time.Minute, sent: "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"},
	}
}

// begin returns when all connections are open.
func (a *attack) begin(t *testing.T, host string) {
	a.over = make(chan struct{})
	a.opened.Add(a.count)
	for range a.count {
		a.callers.Go(func() {
			first := sync.OnceFunc(a.opened.Done)
			defer first()
			for !a.isOver() {
				if err := a.hold(host, first); err != nil {
					t.Errorf("%s: %v", a.name, err)
					return
				}
			}
		})
	}
	a.opened.Wait()
}

func (a *attack) isOver() bool {
	select {
	case <-a.over:
		return true
	default:
		return false
	}
}

// hold holds a connection for as long as the program lets it, which may be over before its
// opening is known here.
func (a *attack) hold(host string, opened func()) error {
	c, err := net.Dial("tcp", host)
	if isReset(err) {
		opened()
		return nil
	}
	if err != nil {
		return err
	}
	defer c.Close()
	began := time.Now()
	if err := c.SetReadDeadline(began.Add(a.lasts + time.Minute)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, a.sent); err != nil && !isReset(err) {
		return err
	}
	opened()
	if _, err := io.Copy(io.Discard, c); err != nil && !isReset(err) {
		return err
	}
	for held := int64(time.Since(began)); ; {
		if longest := a.longest.Load(); held <= longest || a.longest.CompareAndSwap(longest, held) {
			return nil
		}
	}
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// postMany has 16 meters post, and returns how many posts a second were taken.
func (s *suite) postMany(posts, from int) float64 {
	s.t.Helper()
	const meters = 16
	first := time.Date(2020, 1, 1, 0, 0, 0, 0, loadSingapore(s.t))
	began := time.Now()
	var posting sync.WaitGroup
	for m := range meters {
		posting.Go(func() {
			for i := from / meters; i < (from+posts)/meters; i++ {
				answer, err := s.client.Post(fmt.Sprintf("%s/receive_meter_reading?meter_id=M%d&timestamp=%s&reading=%d", s.API.URL, m,
					first.Add(time.Duration(i)*halfHour).Format(stampLayout), i), "", nil)
				if err != nil {
					s.t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
				if answer.StatusCode != http.StatusOK {
					s.t.Errorf("a post is answered %s", answer.Status)
					return
				}
			}
		})
	}
	posting.Wait()
	return float64(posts) / time.Since(began).Seconds()
}

// startAPIWith starts an api alone, whose binary is in a folder.
func startAPIWith(t *testing.T, binDir string) *suite {
	t.Helper()
	folder := t.TempDir()
	p, err := programs.StartProgram(t.Context(), programs.Config{
		BinDir: binDir, Env: settings(filepath.Join(folder, "data"), filepath.Join(folder, "Archive")),
	}, programs.API)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
	})
	return &suite{t: t, Suite: &programs.Suite{API: p}, client: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: 5 * time.Minute,
	}}
}

// TestPostsGoOnBesideCallersThatHoldConnections prints how many posts a second were taken before
// and meanwhile, which decides nothing.
func TestPostsGoOnBesideCallersThatHoldConnections(t *testing.T) {
	buildPrograms(t)
	s := startAPIWith(t, binaries)
	for m := range 16 {
		s.call(http.MethodPost, s.API.URL, "/register_account", url.Values{"owner_name": {"O"}, "address": {"R"}, "meter_id": {fmt.Sprint("M", m)}}, http.StatusOK, &struct{}{})
	}
	posts := 1_600
	if faulttest.Whole() {
		posts = 80_000
	}
	s.postMany(posts, 0) // until the file system and the garbage collector have found their pace
	before := s.postMany(posts, posts)
	all := attacks(t)
	for _, a := range all {
		a.begin(t, s.API.Host())
	}
	meanwhile := s.postMany(posts, 2*posts)
	t.Logf("%.0f posts/s before, %.0f beside %d + %d + %d connections: %.2f; the api has taken %d MiB at the most",
		before, meanwhile, all[0].count, all[1].count, all[2].count, meanwhile/before, highestMemory(t, s.API)>>20)
	for _, a := range all {
		close(a.over)
	}
	if !faulttest.Whole() { // else it is the program that must end them
		if err := s.API.Kill(); err != nil {
			t.Error(err)
		}
	}
	for _, a := range all {
		a.callers.Wait()
		t.Logf("%d %s: none was held for longer than %.0f s, right is %v", a.count, a.name, time.Duration(a.longest.Load()).Seconds(), a.lasts)
	}
}

// TestTheJournalHasItsFilesWhateverCallersHoldOpen gives an api 300 descriptors, opens 400
// connections, and has the journal begin other files.
func TestTheJournalHasItsFilesWhateverCallersHoldOpen(t *testing.T) {
	buildPrograms(t)
	limited := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nulimit -n 300\nexec %s/api \"$@\"\n", binaries)
	if err := os.WriteFile(filepath.Join(limited, "api"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	s := startAPIWith(t, limited)
	idle := &attack{name: "idle connections", count: 400, lasts: time.Minute, sent: "G"}
	body, accounts := io.Pipe()
	const meters = 100_000 // of 400 bytes each: more than the journal keeps in one file
	go func() {
		_, err := io.WriteString(accounts, "owner_name,address,meter_id\n")
		for i := 0; i < meters && err == nil; i++ {
			if i == meters/10 {
				idle.begin(t, s.API.Host())
			}
			_, err = fmt.Fprintf(accounts, "%s,%[1]s,M%d\n", strings.Repeat("N", 190), i)
		}
		accounts.CloseWithError(cmp.Or(err, io.EOF))
	}()
	answer, err := s.client.Post(s.API.URL+"/import_accounts", "text/csv", body)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if want := fmt.Sprintf(`"accepted":%d,`, meters); err != nil || !strings.Contains(string(content), want) {
		t.Errorf("%s, %v: %s", answer.Status, err, content)
	}
	close(idle.over)
	if err := s.API.Kill(); err != nil {
		t.Error(err)
	}
	idle.callers.Wait()
}
