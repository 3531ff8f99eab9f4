package ledger

import (
	"errors"
	"fmt"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
	"meterledger/internal/mutant"
	"meterledger/internal/store"
)

// takenMax is how long another process may have the name of this node: the one before it is known for SayTime, and
// longer if the engine has another leader of its own meanwhile.
const takenMax = 2 * cluster.SayTime

// sayAll tells the others how far this node has come, and compares what they say with its own.
func (s *shared) sayAll() {
	var taken time.Time // since when another process has the name of this node; the zero time if none has
	for s.ctx.Err() == nil {
		err := s.engine.Say(s.ctx, s.status())
		switch isTaken := errors.Is(err, cluster.ErrNameTaken); {
		case err == nil:
			taken = time.Time{}
		case isTaken && taken.IsZero():
			taken = time.Now()
		case isTaken && time.Since(taken) > takenMax:
			s.failWith(fmt.Errorf("another process takes part as node %s: stop it, or give this one another name with -cluster-node or CLUSTER_NODE", s.self.Name))
			return
		}
		if nodes, err := s.engine.Nodes(s.ctx); err == nil {
			s.compare(nodes)
			s.lookout.sawNodes(nodes)
		}
		pause(s.ctx, sayEvery)
	}
}

func (s *shared) status() cluster.Status {
	first, err := s.journal.First()
	if err != nil {
		first = 0
	}
	number, digest := s.store.Witness()
	return cluster.Status{
		Node: s.self, Applied: chain.Position{Sequence: s.tail.applied.load()}, Copied: s.tail.copied.load(), First: first,
		Level: uint8(store.LevelNewest), Witness: number, Digest: digest, Clock: s.now().UnixMilli(),
	}
}

// errDiverged ends a node that has come to other verdicts than most.
var errDiverged = errors.New("this node has come to other verdicts than most of the others: its memory, its disk or its program is at fault; " +
	"move its data folder away, and it begins anew from another node")

// compare holds the verdicts of this node against those of the others that have come as far. It
// ends if more of them agree on something else; if as many do, nobody leads until that is mended.
func (s *shared) compare(nodes []cluster.Seen) {
	number, digest := s.store.Witness()
	same, other := 1, make(map[uint64]int)
	for _, n := range nodes {
		switch {
		case n.Name == s.self.Name || n.Witness != number || number == 0:
		case n.Digest == digest:
			same++
		default:
			other[n.Digest]++
		}
	}
	most := 0
	for _, n := range other {
		most = max(most, n)
	}
	if most > same {
		s.failWith(errDiverged)
	}
	if disputed := most > 0 && most == same; s.disputed.Swap(disputed) != disputed {
		s.log.Error("as many nodes have come to other verdicts as to those of this one: nothing is taken until one of them is stopped", "disputed", disputed)
	}
}

// cutAll drops from the engine what enough nodes have on their disks, while this node leads.
func (s *shared) cutAll() {
	for s.ctx.Err() == nil {
		pause(s.ctx, s.cutEvery)
		term, _, leads := s.term.leads()
		nodes, err := s.engine.Nodes(s.ctx)
		if !leads || err != nil || len(nodes) < s.copies && !(mutant.CutWithOneCopy && len(nodes) == 1) {
			continue
		}
		upTo := nodes[0].Copied
		for _, n := range nodes {
			upTo = min(upTo, n.Copied)
			if n.Pinned > 0 {
				upTo = min(upTo, n.Pinned)
			}
		}
		_ = s.engine.Cut(s.ctx, term.Term, upTo, nodes) // else the next time
	}
}
