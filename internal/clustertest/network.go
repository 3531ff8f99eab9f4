package clustertest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"syscall"

	"meterledger/internal/cluster"
)

// Server is what a node answers its peers.
type Server interface {
	Propose(ctx context.Context, p cluster.Proposal) error
	Batches(after uint64, take func(batch []byte) error) error
	Snapshot(to io.Writer) error
}

// Network joins the nodes of a cluster: what a node sends goes to whoever serves at that address when it arrives.
type Network struct {
	seed uint64

	mu      sync.Mutex // guards what follows
	servers map[string]Server
	paths   map[path]*conn
}

type path struct{ from, to string } // addresses

// NewNetwork returns a network without nodes. Its faults come by the seed.
func NewNetwork(seed uint64) *Network {
	return &Network{seed: seed, servers: map[string]Server{}, paths: map[path]*conn{}}
}

// Serve has a server answer at an address from now on, instead of the one before; nil: nobody does.
func (n *Network) Serve(address string, s Server) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.servers[address] = s
}

// Set changes what the way from one address to another does wrong; the way back is another one.
func (n *Network) Set(from, to string, f Faults) {
	c := n.path(path{from, to})
	c.set(func() { c.faults = f })
}

// Peers is how the node at an address reaches others.
func (n *Network) Peers(address string) cluster.Peers { return peers{n, address} }

func (n *Network) path(p path) *conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.paths[p]
	if c == nil {
		c = newConn(n.seed, p.from+" to "+p.to)
		n.paths[p] = c
	}
	return c
}

func (n *Network) server(address string) (Server, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s := n.servers[address]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("nobody serves at %s: %w", address, syscall.ECONNREFUSED)
}

type peers struct {
	network *Network
	address string
}

func (p peers) Propose(ctx context.Context, proposal cluster.Proposal) error {
	if len(proposal.Payload) > cluster.ProposalBytesMax {
		return fmt.Errorf("%w: a proposal of %d bytes", cluster.ErrRefused, len(proposal.Payload))
	}
	proposal.Payload = bytes.Clone(proposal.Payload)
	address := proposal.To.Address
	_, err := call(ctx, p.to(address), "propose", func() (Server, error) {
		s, err := p.network.server(address)
		if err == nil {
			err = s.Propose(ctx, proposal)
		}
		return s, err
	})
	return err
}

func (p peers) Batches(ctx context.Context, from cluster.Node, after uint64, take func(batch []byte) error) error {
	s, bring, err := p.open(ctx, "batches", from.Address)
	if err != nil {
		return err
	}
	return s.Batches(after, func(batch []byte) error {
		return bring(func() error { return take(bytes.Clone(batch)) })
	})
}

func (p peers) Snapshot(ctx context.Context, from cluster.Node, to io.Writer) error {
	s, bring, err := p.open(ctx, "snapshot", from.Address)
	if err != nil {
		return err
	}
	return s.Snapshot(writer(func(b []byte) (written int, err error) {
		err = bring(func() error {
			written, err = to.Write(b)
			return err
		})
		return written, err
	}))
}

// open begins a stream from whoever serves at an address. Bring brings the next of it.
func (p peers) open(ctx context.Context, kind, address string) (s Server, bring func(hand func() error) error, err error) {
	c := p.to(address)
	s, err = call(ctx, c, "open "+kind, func() (Server, error) { return p.network.server(address) })
	return s, func(hand func() error) error {
		return c.brings(ctx, kind, func(luck) error { return hand() })
	}, err
}

func (p peers) to(address string) *conn { return p.network.path(path{p.address, address}) }

type writer func(b []byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }
