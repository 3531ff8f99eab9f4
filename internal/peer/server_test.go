package peer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"meterledger/internal/cluster"
)

// proposed is a node that counts what is proposed to it.
type proposed struct {
	journalOf
	count atomic.Int32
}

func (p *proposed) Propose(context.Context, cluster.Proposal) error {
	p.count.Add(1)
	return nil
}

func TestWhatIsNoProposalChangesNothing(t *testing.T) {
	n := new(proposed)
	url := "http://" + serveOn(t, nil, n)
	good := encodeProposal(someProposal)
	flipped := bytes.Clone(good)
	flipped[payloadAt] ^= 1
	for name, tt := range map[string]struct {
		method, path string
		body         []byte
		want         int
	}{
		"good":                  {"POST", "/propose", good, 202},
		"nothing":               {"POST", "/propose", nil, 415},
		"no payload":            {"POST", "/propose", good[:payloadAt], 415},
		"cut off":               {"POST", "/propose", good[:len(good)-1], 415},
		"a byte more":           {"POST", "/propose", append(bytes.Clone(good), 0), 415},
		"a bit flipped":         {"POST", "/propose", flipped, 415},
		"another version":       {"POST", "/propose", append([]byte("MLP2"), good[4:]...), 415},
		"JSON":                  {"POST", "/propose", []byte(`{"term":1}`), 415},
		"zeros":                 {"POST", "/propose", make([]byte, 1000), 415},
		"the largest":           {"POST", "/propose", encodeProposal(cluster.Proposal{Payload: make([]byte, cluster.ProposalBytesMax)}), 202},
		"too large":             {"POST", "/propose", encodeProposal(cluster.Proposal{Payload: make([]byte, cluster.ProposalBytesMax+1)}), 413},
		"by another method":     {"PUT", "/propose", good, 405},
		"elsewhere":             {"POST", "/proposes", good, 404},
		"a journal from where":  {"GET", "/journal", nil, 400},
		"a journal from before": {"GET", "/journal?after=-1", nil, 400},
		"a journal from beyond": {"GET", "/journal?after=18446744073709551616", nil, 400},
		"a journal from x":      {"GET", "/journal?after=x", nil, 400},
		"a journal twice":       {"GET", "/journal?after=1&after=2", nil, 400},
		"a journal with more":   {"GET", "/journal?after=1&before=2", nil, 400},
		"a journal to change":   {"POST", "/journal?after=1", nil, 405},
		"a snapshot with more":  {"GET", "/snapshot?of=1", nil, 400},
		"the docs":              {"GET", "/docs", nil, 404},
		"metrics":               {"GET", "/metrics", nil, 404},
	} {
		before := n.count.Load()
		request, err := http.NewRequestWithContext(t.Context(), tt.method, url+tt.path, bytes.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		if isQueued := n.count.Load() > before; err != nil || answer.StatusCode != tt.want || isQueued != (tt.want == http.StatusAccepted) {
			t.Errorf("%s is answered %s, %q, %v", name, answer.Status, text, err)
		}
		answer.Body.Close()
	}
}

// TestAPageOfABrowserProposesNothing: a node on loopback is reached by the browser of whoever sits there.
func TestAPageOfABrowserProposesNothing(t *testing.T) {
	n := new(proposed)
	address := serveOn(t, nil, n)
	for name, header := range map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Host": "evil.example"} {
		request, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+address+"/propose", bytes.NewReader(encodeProposal(someProposal)))
		if err != nil {
			t.Fatal(err)
		}
		if request.Header.Set(name, header); name == "Host" {
			request.Host = header
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusForbidden || n.count.Load() > 0 {
			t.Errorf("with %s: %s it is answered %s", name, header, answer.Status)
		}
	}
}

// TestWhatANodeCannotDoIsNotTold: what is inside of its errors is logged, and not sent.
func TestWhatANodeCannotDoIsNotTold(t *testing.T) {
	address := serveOn(t, nil, broken{})
	for _, path := range []string{"/journal?after=1", "/snapshot"} {
		answer, err := http.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusInternalServerError || strings.Contains(string(text), "secret") {
			t.Errorf("%s is answered %s, %q, %v", path, answer.Status, text, err)
		}
	}
}

type broken struct{ journalOf }

func (broken) Batches(uint64, func([]byte) error) error { return errors.New("a secret") }
func (broken) OpenSnapshot() (io.ReadCloser, int64, error) {
	return nil, 0, errors.New("a secret")
}
