package peer

import (
	"bytes"
	"io"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"meterledger/internal/httpkit"
)

// serveEcho has a node say what it sees of each request that was forwarded.
func serveEcho(t *testing.T, m *httpkit.Mutual) (address string) {
	t.Helper()
	l, err := httpkit.OpenMutual("127.0.0.1:0", "-cluster-addr", "CLUSTER_ADDR", m)
	if err != nil {
		t.Fatal(err)
	}
	serveLeading(t, l, someJournal, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Saw", r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Ledger-Caller")+" "+string(body))
		w.WriteHeader(http.StatusTeapot)
	}))
	return l.Addr().String()
}

func TestOnlyANodeForwards(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	for name, tt := range map[string]struct {
		asking, asked *httpkit.Mutual
		reaches       bool
	}{
		"both ours":             {ours.mutual("a"), ours.mutual("b"), true},
		"neither has TLS":       {nil, nil, true},
		"who asks is another's": {others.mutual("a"), ours.mutual("b"), false},
		"who is asked is":       {ours.mutual("a"), others.mutual("b"), false},
		"another node is there": {ours.mutual("a"), ours.mutual("c"), false},
		"who asks has no TLS":   {nil, ours.mutual("b"), false},
	} {
		t.Run(name, func(t *testing.T) {
			to := at("b", serveEcho(t, tt.asked))
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/maintenance/start?wait=false", bytes.NewReader([]byte("a body")))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Ledger-Caller", "role=operator")
			answer, err := peers(t, tt.asking).Forward(to, r)
			saw := ""
			if err == nil {
				saw = answer.Header.Get("Saw")
				answer.Body.Close()
			}
			if isThere := saw == "POST /maintenance/start?wait=false role=operator a body" && answer.StatusCode == http.StatusTeapot; isThere != tt.reaches {
				t.Errorf("it is answered with %v, %q, %v", answer, saw, err)
			}
		})
	}
}

// TestWhatIsForwardedLeavesRoomForWhatNodesAsk has many callers wait for what the node that leads answers.
func TestWhatIsForwardedLeavesRoomForWhatNodesAsk(t *testing.T) {
	l, err := httpkit.OpenMutual("127.0.0.1:0", "-cluster-addr", "CLUSTER_ADDR", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer := make(chan struct{})
	var asked atomic.Int64
	serveLeading(t, l, &proposed{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		<-answer
	}))
	to, p := at("b", l.Addr().String()), peers(t, nil)
	const callers = 300 // more than connections of one address are taken
	var waiting sync.WaitGroup
	for range callers {
		waiting.Go(func() {
			r, err := http.NewRequest(http.MethodGet, "/maintenance/status", nil)
			if err != nil {
				t.Error(err)
				return
			}
			got, err := p.Forward(to, r)
			if err != nil {
				t.Error(err)
				return
			}
			_ = got.Body.Close()
		})
	}
	for asked.Load() < forwardedMax {
		runtime.Gosched()
	}
	if err := p.Propose(t.Context(), toPropose(to)); err != nil {
		t.Errorf("while callers wait a proposal is answered %v", err)
	}
	if n := asked.Load(); n > forwardedMax {
		t.Errorf("%d requests of callers are under way", n)
	}
	close(answer)
	waiting.Wait()
	if n := asked.Load(); n != callers {
		t.Errorf("%d requests of callers were answered", n)
	}
}
