package rest

import (
	"context"
	"fmt"

	"meterledger/api"
	"meterledger/internal/cluster"
	"meterledger/internal/ledger"
)

// cluster tells how this node stands among others.
func (a *app) cluster(context.Context, *noParameters) (api.Standing, error) {
	answer := api.Standing{Timestamp: a.stamp()}
	if s := a.ledger.Cluster(); s != nil {
		answer.Cluster = clusterOf(s)
	}
	return answer, nil
}

func clusterOf(s *ledger.Standing) *api.Cluster {
	leads := func(n cluster.Node) bool { return n.Incarnation == s.Leader.Incarnation }
	answer := &api.Cluster{
		Node: s.Node.Name, IsLeader: leads(s.Node), Term: s.Leader.Term, TermsSeen: s.Terms,
		Applied: s.Applied, Copied: s.Copied, Head: s.Head, IsConfirmed: s.Confirmed, StalenessMs: s.Staleness.Milliseconds(),
		Waiting: s.Waiting, IsDisputed: s.Disputed, Copies: s.Copies, Nodes: []api.ClusterNode{},
	}
	if s.Leader.Term > 0 {
		answer.Leader = &s.Leader.Name
	}
	if s.Halted > 0 {
		answer.HaltedBatch = &s.Halted
	}
	if s.Offsets {
		answer.ClockOffsetMs = new(s.Offset.Milliseconds())
	}
	for _, n := range s.Nodes {
		answer.Nodes = append(answer.Nodes, api.ClusterNode{
			Node: n.Name, Address: n.Address, IsLeader: leads(n.Node), Applied: n.Applied.Sequence, Copied: n.Copied,
			Witness: n.Witness, Digest: fmt.Sprintf("%016x", n.Digest),
		})
	}
	return answer
}
