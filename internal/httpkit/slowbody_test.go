package httpkit_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// bodies has a route for each way in which a program treats a body.
func bodies(t *testing.T) func(chi.Router) {
	zone, err := meter.LoadZone("UTC")
	if err != nil {
		t.Fatal(err)
	}
	return func(r chi.Router) {
		r.Post("/", func(w http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			if err != nil {
				httpkit.WriteError(w, r, err)
				return
			}
			time.Sleep(time.Hour) // what the program does with it is not the caller's fault
			if r.Context().Err() != nil {
				t.Error("the request was given up while it was worked on")
			}
			httpkit.WriteJSON(w, http.StatusOK, n)
		})
		r.Post("/unread", func(w http.ResponseWriter, r *http.Request) { httpkit.WriteJSON(w, http.StatusOK, 0) })
		r.Post("/large", func(w http.ResponseWriter, r *http.Request) {
			httpkit.WriteJSON(w, http.StatusOK, strings.Repeat("x", 10_000)) // net/http reads the body before
		})
		type named struct {
			Name string `param:"name"`
		}
		r.Method(http.MethodPost, "/parameters", httpkit.Take(zone, func(w http.ResponseWriter, r *http.Request, q *named) error {
			httpkit.WriteJSON(w, http.StatusOK, len(q.Name))
			return nil
		}))
	}
}

// header begins a request with a body.
func header(path, more string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + more + "\r\n"
}

func TestABodyMayTakeAnyTimeAsLongAsItComesAtTheLeastRate(t *testing.T) {
	for _, every := range []time.Duration{time.Second, 20 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			s := startBubble(t, bodies(t), false)
			caller := s.dial()
			pieces := int(time.Hour / every)
			piece := strings.Repeat("x", int(every/time.Second)*512)
			caller.send(header("/", fmt.Sprintf("Content-Length: %d\r\n", pieces*len(piece))))
			for range pieces {
				time.Sleep(every)
				caller.send(piece)
			}
			caller.want("HTTP/1.1 200 ")
		})
	}
}

func TestABodyThatComesTooSlowlyIs408AndTheEndOfTheConnection(t *testing.T) {
	for _, tt := range []struct {
		path   string
		every  time.Duration
		piece  int
		length int
		longer time.Duration // than the 30 seconds after which the caller hears of it
	}{
		{"/", time.Hour, 1, 1 << 20, 0},
		{"/", time.Minute, 1, 1 << 20, 0},
		{"/", 29 * time.Second, 1, 1 << 20, time.Second},
		{"/", time.Second, 100, 1 << 20, 10 * time.Second},
		{"/", time.Second, 450, 1 << 20, 300 * time.Second},
		{"/parameters", time.Second, 1000, 64 << 10, 0}, // 64 KiB would take a minute
		{"/parameters", 29 * time.Second, 1, 64 << 10, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := startBubble(t, bodies(t), false)
			caller := s.dial()
			caller.send(header(tt.path, fmt.Sprintf("Content-Length: %d\r\n", tt.length)))
			var feeding sync.WaitGroup
			defer feeding.Wait()
			feeding.Go(func() {
				for caller.sendAny(strings.Repeat("x", tt.piece)) {
					time.Sleep(tt.every)
				}
			})
			answer := caller.want("HTTP/1.1 408 ")
			if took := caller.took(); took < 30*time.Second || took > 31*time.Second+tt.longer {
				t.Errorf("%d bytes each %v: the answer took %v", tt.piece, tt.every, took)
			}
			if !strings.Contains(answer, `"code":"request_timeout"`) || !strings.Contains(answer, "Connection: close\r\n") {
				t.Errorf("%s", answer)
			}
			caller.wantEnd(2 * time.Second)
		})
	}
}

func TestABodyThatBeganFastMayPauseNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startBubble(t, bodies(t), false)
		caller := s.dial()
		caller.send(header("/", "Content-Length: 2000000\r\n") + strings.Repeat("x", 1_000_000))
		caller.want("HTTP/1.1 408 ")
		if took := caller.took(); took != 30*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestARefusalDoesNotWaitForTheBody(t *testing.T) {
	for name, tt := range map[string]struct{ request, want string }{
		"no such path":           {header("/nothing", "Content-Length: 100\r\n"), "HTTP/1.1 404 "},
		"a foreign host":         {strings.Replace(header("/", "Content-Length: 100\r\n"), "localhost", "evil.example", 1), "HTTP/1.1 403 "},
		"too large":              {header("/parameters", "Content-Length: 65537\r\n"), "HTTP/1.1 413 "},
		"much too large":         {header("/parameters", "Content-Length: 100000000\r\n"), "HTTP/1.1 413 "},
		"too large, when it may": {header("/parameters", "Content-Length: 100000000\r\nExpect: 100-continue\r\n"), "HTTP/1.1 413 "},
		"chunked":                {header("/nothing", "Transfer-Encoding: chunked\r\n"), "HTTP/1.1 404 "},
		"a wrong query":          {header("/parameters?color=red", "Content-Length: 100\r\n"), "HTTP/1.1 400 "},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := startBubble(t, bodies(t), false)
				caller := s.dial()
				caller.send(tt.request)
				answer := caller.want(tt.want)
				if took := caller.took(); took != 0 || !strings.Contains(answer, "Connection: close\r\n") {
					t.Errorf("the answer took %v: %s", took, answer)
				}
				caller.wantEnd(2 * time.Second)
			})
		})
	}
}

func TestARefusalOfWhatWasReadKeepsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startBubble(t, bodies(t), false)
		caller := s.dial()
		for range 3 {
			caller.send(header("/parameters", "Content-Length: 15\r\n") + `{"color":"red"}`)
			if answer := caller.want("HTTP/1.1 400 "); strings.Contains(answer, "Connection: close") {
				t.Errorf("%s", answer)
			}
		}
	})
}

func TestABodyThatNobodyReadsDoesNotHoldTheConnection(t *testing.T) {
	for _, path := range []string{"/unread", "/large"} {
		synctest.Test(t, func(t *testing.T) {
			s := startBubble(t, bodies(t), false)
			caller := s.dial()
			caller.send(header(path, "Content-Length: 100\r\n") + "x")
			caller.want("HTTP/1.1 200 ")
			caller.wantEnd(30*time.Second - caller.took())
		})
	}
}

func TestOfHTTP2OnlyTheRequestWithASlowBodyEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startBubble(t, bodies(t), true)
		client := s.client()
		slow, feed := io.Pipe()
		var feeding sync.WaitGroup
		defer feeding.Wait()
		feeding.Go(func() {
			for err := error(nil); err == nil; time.Sleep(20 * time.Second) {
				_, err = io.WriteString(feed, "x")
			}
		})
		began := time.Now()
		answer, err := client.Post("https://127.0.0.1/", "text/csv", slow)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		feed.Close()
		if took := time.Since(began); answer.StatusCode != http.StatusRequestTimeout || answer.ProtoMajor != 2 || took < 30*time.Second || took > 31*time.Second {
			t.Errorf("%s, %s after %v", answer.Proto, answer.Status, took)
		}
		answer, err = client.Post("https://127.0.0.1/nothing", "text/csv", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusNotFound || s.dialled != 1 {
			t.Errorf("%s over %d connections", answer.Status, s.dialled)
		}
	})
}
