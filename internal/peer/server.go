// Package peer is what the nodes of one order ask of each other over HTTP: to queue a proposal, for the batches of
// their journals, and for their newest snapshots. It promises that what breaks off is an error at the node that asks,
// never a shorter journal or snapshot, and that nobody who does not take what is sent to him keeps a node waiting.
//
// Whoever may ask writes like an operator. So the listener is not that of callers, and off loopback nodes prove
// to each other who they are, see httpkit.Mutual.
//
//	POST /propose          202 queued, or known already · 400 refused · 409 moved · 429 full
//	GET  /journal?after=N  200 the batches behind batch N · 410 the next one is not there any more
//	GET  /snapshot         200 the newest snapshot · 404 there is none
//	any  /leader/PATH      what the node that leads answers at a PATH of the api, for a caller of another node
package peer

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"strings"

	"meterledger/internal/cluster"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// Node is what answers; a *ledger.Ledger is one.
type Node interface {
	// Propose queues a proposal, as cluster.Peers has it. It may keep the payload.
	Propose(ctx context.Context, p cluster.Proposal) error
	// Batches hands out batches, as cluster.Peers has it.
	Batches(after uint64, take func(batch []byte) error) error
	// OpenSnapshot opens the newest snapshot, and returns how many bytes it has. It is fs.ErrNotExist
	// if there is none.
	OpenSnapshot() (whole io.ReadCloser, bytes int64, err error)
}

const (
	proposePath  = "/propose"
	journalPath  = "/journal"
	snapshotPath = "/snapshot"
	leaderPath   = "/leader"
)

// NewHandler returns what a node answers to others. They must ask by one of the program's hosts. What they forward is
// answered by leading, which does not see that its paths have leaderPath in front.
func NewHandler(p *httpkit.Program, n Node, leading http.Handler) http.Handler {
	s := server{n}
	r := httpkit.NewBareRouter(p)
	r.Method(http.MethodPost, proposePath, httpkit.Handler(s.propose))
	r.Method(http.MethodGet, journalPath, httpkit.Take(nil, s.journal))
	r.Method(http.MethodGet, snapshotPath, httpkit.Take(nil, s.snapshot))
	leading = http.StripPrefix(leaderPath, leading)
	return http.HandlerFunc(func(w http.ResponseWriter, asks *http.Request) {
		if strings.HasPrefix(asks.URL.Path, leaderPath+"/") {
			leading.ServeHTTP(w, asks)
			return
		}
		r.ServeHTTP(w, asks)
	})
}

type server struct{ node Node }

// refusal is the answer of a node that does not do what is asked. Answers that are no application/json come from
// elsewhere, and say nothing of what the node has done.
type refusal struct {
	Detail string `json:"detail"`
	First  uint64 `json:"first,omitempty"` // with 410: sequence of the oldest batch that is there
}

// proposeStatus is how a proposal is answered that is not queued.
var proposeStatus = []struct {
	err    error
	status int
}{
	{cluster.ErrRefused, http.StatusBadRequest},
	{cluster.ErrMoved, http.StatusConflict},
	{cluster.ErrFull, http.StatusTooManyRequests},
}

// propose answers what was damaged on the way with 415: the same may be sent again, unlike what is refused.
func (s server) propose(w http.ResponseWriter, r *http.Request) error {
	body, err := httpkit.ReadBody(r, int64(proposalBytesMax))
	if err != nil {
		return err
	}
	p, err := decodeProposal(body)
	if err != nil {
		return meter.Errorf(meter.KindUnsupportedMedia, meter.CodeUnsupportedMedia, "%v", err)
	}
	err = s.node.Propose(r.Context(), p)
	for _, known := range proposeStatus {
		if errors.Is(err, known.err) {
			httpkit.WriteJSON(w, known.status, refusal{Detail: err.Error()})
			return nil
		}
	}
	if err == nil {
		w.WriteHeader(http.StatusAccepted)
	}
	return err
}

// sequence is that of a batch, in decimal.
type sequence uint64

// UnmarshalText reads a sequence from a query.
func (s *sequence) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 10, 64)
	if *s = sequence(n); err != nil {
		return errors.New("must be the sequence of a batch")
	}
	return nil
}

type journalQuery struct {
	After sequence `param:"after,required"`
}

// journal breaks the connection if a batch cannot be had once the answer has begun.
func (s server) journal(w http.ResponseWriter, _ *http.Request, q *journalQuery) error {
	begun := false
	begin := func() {
		if !begun {
			writeType(w)
			begun = true
		}
	}
	err := s.node.Batches(uint64(q.After), func(batch []byte) error {
		begin()
		return writeBatch(w, batch)
	})
	if cut, ok := errors.AsType[*cluster.CutError](err); ok && !begun {
		httpkit.WriteJSON(w, http.StatusGone, refusal{err.Error(), cut.First})
		return nil
	}
	if err != nil {
		return err
	}
	begin()
	return writeEnd(w)
}

func (s server) snapshot(w http.ResponseWriter, _ *http.Request, _ *struct{}) error {
	whole, bytes, err := s.node.OpenSnapshot()
	if errors.Is(err, fs.ErrNotExist) {
		httpkit.WriteJSON(w, http.StatusNotFound, refusal{Detail: err.Error()})
		return nil
	}
	if err != nil {
		return err
	}
	writeType(w)
	w.Header().Set("Content-Length", strconv.FormatInt(bytes, 10))
	_, err = io.Copy(w, whole)
	return errors.Join(err, whole.Close())
}

func writeType(w http.ResponseWriter) { w.Header().Set("Content-Type", "application/octet-stream") }
