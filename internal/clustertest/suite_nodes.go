package clustertest

import (
	"slices"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
)

var ofNodes = []sentence{
	{"Say makes known what a node says of itself; Nodes returns the last that each node has said", func(x *trial) {
		s := cluster.Status{
			Node: nodeA, Applied: chain.Position{Journal: chain.ID{1}, Sequence: 9, Hash: chain.Hash{2}}, Copied: 8, First: 3, Pinned: 4, Level: 5, Witness: 6, Digest: 1<<63 + 7,
		}
		x.must(x.A.Say(x.ctx, s))
		first := x.nodes()
		if len(first) != 1 || first[0].Status != s {
			x.Fatalf("known is %+v", first)
		}
		s.Copied, s.Pinned, s.Address = 9, 0, "10.0.0.3:8100"
		x.must(x.A.Say(x.ctx, s))
		if got := x.nodes(); len(got) != 1 || got[0] != (cluster.Seen{Status: s, Since: first[0].Since}) {
			x.Errorf("known is %+v", got)
		}
	}},
	{"Say: until SayTime after the call or soon after that", func(x *trial) {
		x.must(x.A.Say(x.ctx, cluster.Status{Node: nodeA}))
		x.eventually("the node is not known", func() bool { return len(x.nodes()) == 0 })
	}},
	{"Since stays as long as the node is known without a gap, and never comes again", func(x *trial) {
		says := func() { x.must(x.A.Say(x.ctx, cluster.Status{Node: nodeA})) }
		var first, last uint64
		x.eventually("the node says something in time", func() bool {
			says()
			first = x.nodes()[0].Since
			inTime := x.during(3*cluster.SayTime/2, cluster.SayTime*9/10, func() {
				says()
				last = x.nodes()[0].Since
			})
			return inTime
		})
		if first != last {
			x.Errorf("it is %d, and was %d", last, first)
		}
		x.eventually("the node is not known", func() bool { return len(x.nodes()) == 0 })
		says()
		if again := x.nodes()[0].Since; again == last {
			x.Error("it stayed over a gap")
		}
	}},
	{"Say is ErrNameTaken while another incarnation of the same name is known", func(x *trial) {
		first := cluster.Status{Node: nodeA, Copied: 5}
		second := cluster.Status{Node: cluster.Node{Name: nodeA.Name, Incarnation: 0xaa}}
		x.must(x.A.Say(x.ctx, first))
		x.is(x.B.Say(x.ctx, second), cluster.ErrNameTaken)
		x.must(x.A.Say(x.ctx, first))
		if got := x.nodes(); len(got) != 1 || got[0].Status != first {
			x.Errorf("known is %+v", got)
		}
		x.eventually("the other one may say something", func() bool { return x.B.Say(x.ctx, second) == nil })
		x.is(x.A.Say(x.ctx, first), cluster.ErrNameTaken)
	}},
	{"Nodes in the order of their names", func(x *trial) {
		names := []string{"n3", "a", "n10", "n1", "N", "b-2"}
		for n, name := range names {
			x.must(x.A.Say(x.ctx, cluster.Status{Node: cluster.Node{Name: name, Incarnation: uint64(n + 1)}}))
		}
		slices.Sort(names)
		var got []string
		for _, s := range x.nodes() {
			got = append(got, s.Name)
		}
		if !slices.Equal(got, names) {
			x.Errorf("they are %q", got)
		}
	}},
	{"Usage returns how much room the engine takes; what was cut takes none any more, at once or soon", func(x *trial) {
		at := x.found()
		term := x.leads(x.A, nodeA, 0).Term
		const added = 16 << 20 // far more than other sentences add meanwhile, on an engine that they share
		before := x.usage()
		for range added / (64 << 10) {
			b := chain.Encode(nil, at, pattern(64<<10, 1))
			if isAdded, _, err := x.A.Append(x.ctx, term, at, b); !isAdded {
				x.Fatal(err)
			}
			at = at.After(b)
		}
		x.eventually("what was added takes no room", func() bool { return x.usage() > before+added/2 })
		full := x.usage()
		x.must(x.A.Cut(x.ctx, term, at.Sequence, nil))
		x.eventually("what was cut takes room", func() bool { return x.usage() < full-added/2 })
	}},
}

// usage returns how many bytes the engine takes.
func (x *trial) usage() int64 {
	x.Helper()
	u, err := x.B.Usage(x.ctx)
	x.must(err)
	return u.Bytes
}

func (x *trial) nodes() []cluster.Seen {
	x.Helper()
	seen, err := x.B.Nodes(x.ctx)
	x.must(err)
	return seen
}
