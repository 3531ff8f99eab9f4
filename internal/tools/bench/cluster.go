package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/dsnet/try"

	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/households"
	"meterledger/internal/tools/suite/programs"
)

// clusterNodes is how many apis share an order, and how many members of etcd keep it.
const clusterNodes = 3

// nodes are a cluster under load. As a server they are one: requests go to each api in turn.
type nodes struct {
	*server
	*programs.Cluster

	leads atomic.Pointer[string] // the name of the api that has said last that it leads
}

// withCluster is a row of a cluster, which is skipped without an etcd.
func withCluster(what string, measure func(*bench, *nodes) []line) func(*bench) []line {
	return func(b *bench) []line {
		if _, err := os.Stat(b.etcd()); err != nil {
			return []line{{What: what, Note: "skipped: " + err.Error() + ": `make etcd` builds it"}}
		}
		return measure(b, b.cluster())
	}
}

func (b *bench) etcd() string { return filepath.Join(b.tools, "etcd") }

// cluster starts one on empty folders.
func (b *bench) cluster() *nodes {
	folder := try.E1(os.MkdirTemp(b.scratch, "cluster"))
	n := &nodes{server: &server{b: b, folder: folder}}
	n.Cluster = try.E1(programs.StartCluster(b.ctx, programs.ClusterConfig{
		Config: programs.Config{BinDir: b.bin, Etcd: b.etcd(), Out: n, Env: programs.Env(folder, b.zone.String())},
		Folder: filepath.Join(folder, "nodes"), Nodes: clusterNodes,
	}))
	b.atEnd(func() error { return errors.Join(n.Stop(), os.RemoveAll(folder)) })
	for _, p := range n.All() {
		n.pids = append(n.pids, p.PID())
	}
	for _, p := range n.APIs {
		n.hosts = append(n.hosts, p.Host())
	}
	n.host = n.hosts[0]
	return n
}

// Write takes a line that a program prints.
func (n *nodes) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(`msg="this node leads"`)) {
		name, _, _ := bytes.Cut(line, []byte(" "))
		n.leads.Store(new(string(name)))
	}
	return n.b.log.Write(line)
}

// clusterSingle measures posts of one reading each to three nodes against the same to a node alone.
func clusterSingle(b *bench, n *nodes) (lines []line) {
	alone := b.api()
	for _, connections := range []int{snapshotConnections, 2048} {
		lines = append(lines, inTurn(b.sizes.pairs, alone.posting(connections), n.posting(connections)).line(
			fmt.Sprintf("single POST to 3 nodes and 3 etcd, %s connections", caller.Grouped(b.connections(connections))),
			"the same posts to a node alone on the same CPUs", "/s", ratioAtLeast(0.5)))
	}
	return lines
}

// clusterBulk measures bodies of CSV, one to each node at the same time, against the same to a node alone.
func clusterBulk(b *bench, n *nodes) []line {
	alone := b.api()
	alone.hosts = []string{alone.host, alone.host, alone.host}
	l := inTurn(b.sizes.bulkRuns, alone.bulkByThree(), n.bulkByThree()).line(
		fmt.Sprintf("bulk CSV to 3 nodes and 3 etcd, %s meters x %d slots, a client each", caller.Grouped(b.sizes.bulkMeters), b.sizes.bulkSlots),
		"the same by three clients to a node alone on the same CPUs", "rows/s", ratioAtLeast(0.5))
	return []line{l}
}

// bulkByThree registers meters, and returns what measures rows a second of a body for each host, of meters of its own.
func (s *server) bulkByThree() func() float64 {
	slots := s.b.sizes.bulkSlots
	var parts []*households.Traffic
	for i := range s.hosts {
		t := s.trafficOf(fmt.Sprintf("m%d-", i), s.b.sizes.bulkMeters/len(s.hosts), s.b.past(30), slots*s.b.sizes.bulkRuns)
		s.register(t)
		parts = append(parts, t)
	}
	run := 0
	bodies := make([][]byte, len(parts))
	return func() float64 {
		rows := parts[0].Meters.Len() * slots
		for i, t := range parts {
			bodies[i] = csvBody(bodies[i], t, run*rows, (run+1)*rows)
		}
		run++
		started := time.Now()
		callers := make([]*caller.Caller, len(parts))
		for i, host := range s.hosts {
			callers[i] = &caller.Caller{Host: host, Impatient: true}
		}
		try.E(caller.Each(s.b.ctx, callers, len(parts), func(ctx context.Context, number int, c *caller.Caller, _ int) error {
			return postBody(ctx, c, csv, bodies[number], rows)
		}))
		return float64(rows*len(parts)) / time.Since(started).Seconds()
	}
}
