package clustertest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"syscall"

	"meterledger/internal/cluster"
)

// Server is what a node answers its peers.
type Server interface {
	Propose(p cluster.Proposal) error
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
	proposal.Payload = slices.Clone(proposal.Payload)
	_, err := call(ctx, p.network.path(path{p.address, proposal.To.Address}), "propose", func() (none, error) {
		s, err := p.network.server(proposal.To.Address)
		if err != nil {
			return none{}, err
		}
		return none{}, s.Propose(proposal)
	})
	return err
}

func (p peers) Batches(ctx context.Context, from cluster.Node, after uint64, take func(batch []byte) error) error {
	c := p.network.path(path{p.address, from.Address})
	s, err := p.open(ctx, c, "batches", from)
	if err != nil {
		return err
	}
	return s.Batches(after, func(batch []byte) error {
		if _, err := c.arrives(ctx, "batch"); err != nil {
			return err
		}
		return take(bytes.Clone(batch))
	})
}

func (p peers) Snapshot(ctx context.Context, from cluster.Node, to io.Writer) error {
	c := p.network.path(path{p.address, from.Address})
	s, err := p.open(ctx, c, "snapshot", from)
	if err != nil {
		return err
	}
	return s.Snapshot(writerFunc(func(b []byte) (int, error) {
		if _, err := c.arrives(ctx, "piece"); err != nil {
			return 0, err
		}
		return to.Write(b)
	}))
}

func (p peers) open(ctx context.Context, c *conn, kind string, from cluster.Node) (Server, error) {
	return call(ctx, c, kind, func() (Server, error) { return p.network.server(from.Address) })
}

type writerFunc func(b []byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
