package peer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"meterledger/internal/cluster"
)

// journalOf is a node with some batches and a snapshot.
type journalOf struct {
	batches  [][]byte
	snapshot []byte
}

func (journalOf) Propose(context.Context, cluster.Proposal) error { return cluster.ErrMoved }

func (j journalOf) Batches(_ uint64, take func([]byte) error) error {
	for _, b := range j.batches {
		if err := take(b); err != nil {
			return err
		}
	}
	return nil
}

func (j journalOf) OpenSnapshot() (io.ReadCloser, int64, error) {
	return io.NopCloser(bytes.NewReader(j.snapshot)), int64(len(j.snapshot)), nil
}

var someJournal = journalOf{[][]byte{[]byte("the first"), []byte("the second one"), []byte("3")}, []byte("a snapshot of 27 bytes, whole")}

// answerOf returns all bytes that a node answers to a request.
func answerOf(t *testing.T, address, path string) []byte {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 OK\r\n")) {
		t.Fatalf("%s is answered with %q, %v", path, answer, err)
	}
	return answer
}

// answers serves, until the test ends, what script returns for each request, and then ends the connection.
func answers(t *testing.T, script func() []byte) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				_, _ = c.Write(script()) // the test sees what is missing
			}
			c.Close()
		}
	}()
	return l.Addr().String()
}

func TestAStreamThatIsCutAnywhereIsAnError(t *testing.T) {
	from := serveOn(t, nil, someJournal)
	journal, snapshot := answerOf(t, from, "/journal?after=4"), answerOf(t, from, "/snapshot")
	var next []byte
	to, p := at("b", answers(t, func() []byte { return next })), peers(t, nil)
	for length := range len(journal) + 1 {
		next = journal[:length]
		var got [][]byte
		err := p.Batches(t.Context(), to, 4, func(b []byte) error {
			got = append(got, b)
			return nil
		})
		isPrefix := len(got) <= 3
		for i := range got {
			isPrefix = isPrefix && bytes.Equal(got[i], someJournal.batches[i])
		}
		if (err == nil) != (length == len(journal)) || !isPrefix || err == nil && len(got) != 3 {
			t.Errorf("after %d of %d bytes %q are handed out, %v", length, len(journal), got, err)
		}
	}
	for length := range len(snapshot) + 1 {
		next = snapshot[:length]
		var got bytes.Buffer
		err := p.Snapshot(t.Context(), to, &got)
		if (err == nil) != (length == len(snapshot)) || !bytes.HasPrefix(someJournal.snapshot, got.Bytes()) || err == nil && got.Len() != len(someJournal.snapshot) {
			t.Errorf("after %d of %d bytes %q is written, %v", length, len(snapshot), &got, err)
		}
	}
}

func TestABatchOfNoSizeThereIsIsNotMadeRoomFor(t *testing.T) {
	for _, length := range []string{"\xff\xff\xff\xff", "\x01\x00\x04\x01"} {
		err := readBatches(strings.NewReader(length+"one"), nil)
		if err == nil || !strings.HasPrefix(err.Error(), "a batch says that it has ") {
			t.Errorf("with a length of %x the error is %v", length, err)
		}
	}
}

// TestAnAnswerThatSomebodyElseMakesIsAnError: on the way there may be what nobody knows of.
func TestAnAnswerThatSomebodyElseMakesIsAnError(t *testing.T) {
	frames := func(batches ...string) (b string) {
		for _, batch := range batches {
			b += string(binary.BigEndian.AppendUint32(nil, uint32(len(batch)))) + batch
		}
		return b
	}
	var next string
	to, p := at("b", answers(t, func() []byte { return []byte(next) })), peers(t, nil)
	for name, answer := range map[string]string{
		"without a length, and no end":   "HTTP/1.0 200 OK\r\n\r\n" + frames("one", "two"),
		"with more behind its end":       "HTTP/1.0 200 OK\r\n\r\n" + frames("one", "", "two"),
		"with a batch of 4 GiB":          "HTTP/1.0 200 OK\r\n\r\n\xff\xff\xff\xffone",
		"with a batch of 16 MiB":         "HTTP/1.0 200 OK\r\n\r\n\x01\x00\x00\x00one",
		"of a proxy":                     "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nsorry",
		"of a proxy, gone":               "HTTP/1.1 410 Gone\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nsorry",
		"of a proxy, not found":          "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nsorry",
		"of a proxy, refused":            "HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nsorry",
		"of a proxy, too many":           "HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nsorry",
		"that leads elsewhere":           "HTTP/1.1 307 Temporary Redirect\r\nLocation: /snapshot\r\nContent-Length: 0\r\n\r\n",
		"that is no HTTP":                "SSH-2.0-OpenSSH_9.6\r\n",
		"of the router":                  "HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nContent-Length: 14\r\n\r\n{\"detail\":\"x\"}",
		"with a refusal that is no JSON": "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nsorry",
	} {
		next = answer
		for method, err := range map[string]error{
			"Propose":  p.Propose(t.Context(), cluster.Proposal{To: cluster.Leader{Node: to}, Payload: []byte("payload")}),
			"Batches":  p.Batches(t.Context(), to, 4, func([]byte) error { return nil }),
			"Snapshot": p.Snapshot(t.Context(), to, io.Discard),
		} {
			var cut *cluster.CutError
			if err == nil || errors.Is(err, cluster.ErrRefused) || errors.Is(err, cluster.ErrFull) || errors.As(err, &cut) || !strings.HasPrefix(err.Error(), "node b at 127.0.0.1:") {
				t.Errorf("after an answer %s %s returns %v", name, method, err)
			}
		}
	}
}
