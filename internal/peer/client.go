package peer

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"time"

	"meterledger/internal/cluster"
	"meterledger/internal/httpkit"
)

const (
	// dialMax is how long a node may take to accept a connection, and for TLS.
	dialMax = 5 * time.Second
	// answerMax is how long a node may take to begin an answer: it reads a snapshot once before it sends it.
	answerMax = 5 * time.Minute
	// silenceMax is how long nothing may come of an answer that has begun.
	silenceMax = 30 * time.Second
	// idleMax is how long a connection without a request is kept: less than a node itself keeps it.
	idleMax = time.Minute

	// forwardedMax is how many requests of callers a node has under way at another one: far fewer than connections of one
	// address are taken there. More wait.
	forwardedMax = 64

	refusalBytesMax = 4 << 10
	headerBytesMax  = 16 << 10
)

var errSilent = errors.New("nothing came for too long")

// Peers reaches other nodes over HTTP.
type Peers struct {
	mutual *httpkit.Mutual
	dial   func(ctx context.Context, network, address string) (net.Conn, error)

	mu    sync.Mutex                // guards what is below
	nodes map[route]*http.Transport // each of its connections was made to a node that has shown the name
}

// route is a way to a node. What is forwarded has connections of its own: it may take long, and must not be in the way of what
// the nodes ask of each other, since a node takes so many of one address.
type route struct {
	name     string // of the node
	forwards bool
}

var _ cluster.Peers = (*Peers)(nil)

// NewPeers returns how nodes are reached that m knows, or, if m is nil, nodes on loopback.
func NewPeers(m *httpkit.Mutual) *Peers {
	dialer := &net.Dialer{Timeout: dialMax}
	if m == nil {
		dialer.Control = loopbackOnly
	}
	return &Peers{mutual: m, dial: dialer.DialContext, nodes: map[route]*http.Transport{}}
}

// Close ends the connections that nobody uses.
func (p *Peers) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.nodes {
		t.CloseIdleConnections()
	}
}

// Propose implements cluster.Peers.
func (p *Peers) Propose(ctx context.Context, q cluster.Proposal) error {
	if len(q.Payload) > cluster.ProposalBytesMax {
		return fmt.Errorf("%w: a proposal of %d bytes", cluster.ErrRefused, len(q.Payload))
	}
	return p.ask(ctx, q.To.Node, http.MethodPost, proposePath, encodeProposal(q), func(a *http.Response) error {
		if a.StatusCode == http.StatusAccepted {
			return nil
		}
		said, err := refusalOf(a)
		if err != nil {
			return err
		}
		for _, known := range proposeStatus {
			if a.StatusCode == known.status {
				return fmt.Errorf("%w: %s", known.err, said.Detail)
			}
		}
		return errAnswer(a)
	})
}

// Batches implements cluster.Peers.
func (p *Peers) Batches(ctx context.Context, from cluster.Node, after uint64, take func(batch []byte) error) error {
	path := journalPath + "?after=" + strconv.FormatUint(after, 10)
	return p.ask(ctx, from, http.MethodGet, path, nil, func(a *http.Response) error {
		if a.StatusCode == http.StatusOK {
			return readBatches(a.Body, take)
		}
		said, err := refusalOf(a)
		switch {
		case err != nil:
			return err
		case a.StatusCode == http.StatusGone:
			return &cluster.CutError{First: said.First}
		}
		return errAnswer(a)
	})
}

// Snapshot implements cluster.Peers.
func (p *Peers) Snapshot(ctx context.Context, from cluster.Node, to io.Writer) error {
	return p.ask(ctx, from, http.MethodGet, snapshotPath, nil, func(a *http.Response) error {
		if a.StatusCode == http.StatusOK {
			if a.ContentLength < 0 {
				return errors.New("the answer does not say how long the snapshot is")
			}
			_, err := io.Copy(to, a.Body) // fails if less comes than was said
			return err
		}
		said, err := refusalOf(a)
		switch {
		case err != nil:
			return err
		case a.StatusCode == http.StatusNotFound:
			return fmt.Errorf("%w: %s", fs.ErrNotExist, said.Detail)
		}
		return errAnswer(a)
	})
}

func errAnswer(a *http.Response) error { return fmt.Errorf("it answers %s", a.Status) }

// refusalOf returns what a node says that does not do what it is asked.
func refusalOf(a *http.Response) (said refusal, err error) {
	if kind := a.Header.Get("Content-Type"); kind != "application/json" {
		return said, fmt.Errorf("it answers %s with %q", a.Status, kind)
	}
	text, err := io.ReadAll(io.LimitReader(a.Body, refusalBytesMax)) // to its end, so that the connection is used again
	if err == nil {
		err = json.Unmarshal(text, &said)
	}
	return said, err
}

// ask sends a request to a node and has the answer used, of whatever status. It fails if nothing comes for too long.
func (p *Peers) ask(ctx context.Context, n cluster.Node, method, path string, body []byte, use func(*http.Response) error) (err error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	silence := time.AfterFunc(answerMax, func() { end(errSilent) })
	defer silence.Stop()
	defer func() { err = explain(ctx, n, err) }()
	request, err := http.NewRequestWithContext(ctx, method, p.scheme()+"://"+n.Address+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	// It is not sent, but has the same asked again on another connection if one has ended meanwhile. Of two
	// proposals that arrive the second is known by its number.
	request.Header["Idempotency-Key"] = nil
	answer, err := p.to(route{name: n.Name}).RoundTrip(request)
	if err != nil {
		return err
	}
	answer.Body = stream{answer.Body, silence}
	return errors.Join(use(answer), answer.Body.Close())
}

func (p *Peers) scheme() string {
	if p.mutual != nil {
		return "https"
	}
	return "http"
}

// explain names the node in an error, and why the call was ended, if it was.
func explain(ctx context.Context, n cluster.Node, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	return fmt.Errorf("node %s at %s: %w", n.Name, n.Address, err)
}

// stream is the rest of an answer.
type stream struct {
	io.ReadCloser
	silence *time.Timer
}

func (s stream) Read(b []byte) (int, error) {
	s.silence.Reset(silenceMax)
	defer s.silence.Stop() // what is done with what has come may take as long as it does
	return s.ReadCloser.Read(b)
}

// to returns how a node is reached.
func (p *Peers) to(way route) *http.Transport {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.nodes[way] == nil {
		p.nodes[way] = p.newTransport(way.name)
		if way.forwards {
			p.nodes[way].MaxConnsPerHost = forwardedMax
		}
	}
	return p.nodes[way]
}

func (p *Peers) newTransport(name string) *http.Transport {
	t := &http.Transport{
		DialContext: p.dial, Protocols: new(http.Protocols), DisableCompression: true,
		MaxIdleConnsPerHost: 2, IdleConnTimeout: idleMax, MaxResponseHeaderBytes: headerBytesMax,
	}
	t.Protocols.SetHTTP1(true) // one connection a request: no answer waits for another one
	t.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := p.dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		ctx, end := context.WithTimeout(ctx, dialMax) // the transport's goes on when the request is over
		defer end()
		secure := tls.Client(c, p.mutual.To(name))
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, c.Close())
		}
		return secure, nil
	}
	return t
}

// loopbackOnly refuses to reach other machines without TLS. It is called with each address that a
// name stands for.
func loopbackOnly(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err == nil && !to.Addr().Unmap().IsLoopback() {
		err = errPlain
	}
	return err
}

var errPlain = errors.New("without -cluster-cert, -cluster-key and -cluster-ca only nodes on loopback are asked")
