package ledger

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
	"meterledger/internal/meter"
	"meterledger/internal/mutant"
	"meterledger/internal/store"
)

// sayAll tells the others how far this node has come, and compares what they say with its own.
func (s *shared) sayAll() {
	var other namesake
	for s.ctx.Err() == nil {
		status := s.status()
		s.roomless.Store(status.Room == cluster.RoomForNothing)
		err := s.engine.Say(s.ctx, status)
		if other.lives(s.ctx, s.engine, s.self.Name, err) {
			s.failWith(errTaken(s.self.Name))
		}
		asked := time.Now()
		if nodes, err := s.engine.Nodes(s.ctx); err == nil {
			s.roster.hear(nodes, asked)
			s.compare(nodes)
			s.full.Store(s.roster.lackRoom(s.copies, cluster.RoomForLittle))
			s.crowded.Store(s.roster.lackRoom(s.copies, cluster.RoomForAll))
			s.lookout.sawNodes(nodes)
		}
		if usage, err := s.engine.Usage(s.ctx); err == nil {
			s.sawUsage(usage)
		}
		pause(s.ctx, sayEvery)
	}
}

// errEngineFull is the answer to readings and registrations while the engine keeps what nodes lack that are away, and has
// little room left.
var errEngineFull = meter.Unavailable(meter.CodeDiskFull, 10*time.Second,
	"the engine that keeps the order of the nodes is nearly full; readings and registrations are taken again once nodes that are away have copied what they lack, or it may take more").Because(meter.ReasonDiskFull)

// sawUsage shuts that gate or opens it.
func (s *shared) sawUsage(u cluster.Usage) {
	before, isFull := s.usage, u.Refuses || u.IsHigh()
	wasFull := s.engineFull.Swap(isFull)
	s.usage = u
	s.engineMax.Store(u.Max)
	if isFull {
		select {
		case s.crammed <- struct{}{}:
		default:
		}
	}
	switch {
	case u.Refuses && !before.Refuses:
		s.log.Error("the engine takes nothing, since it was full: make room in each member with etcdctl defrag, and then lift the alarm with etcdctl alarm disarm; if it comes again, do both again",
			"bytes", u.Bytes, "bytes_max", u.Max)
	case isFull && !wasFull:
		s.log.Error("the engine is nearly full: readings and registrations are refused until nodes that are away are back, or it may take more", "bytes", u.Bytes, "bytes_max", u.Max)
	case wasFull && !isFull:
		s.log.Info("the engine has room again", "bytes", u.Bytes, "bytes_max", u.Max)
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
		Level: uint8(store.LevelNewest), Witness: number, Digest: digest, Clock: s.now().UnixMilli(), Room: s.room(),
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
		select {
		case <-time.After(s.cutEvery):
		case <-s.crammed:
		case <-s.ctx.Done():
		}
		term, _, leads := s.term.leads()
		nodes, err := s.engine.Nodes(s.ctx)
		if !leads || err != nil {
			continue
		}
		newest, _ := s.tail.spans.before(s.atMost(s.keepMin, 8))
		copies := s.copies
		if mutant.CutWithOneCopy && len(nodes) == 1 {
			copies = 1
		}
		upTo, counted := cutTo(nodes, copies, newest, s.farBehind())
		_ = s.engine.Cut(s.ctx, term.Term, upTo, counted) // else the next time; also of nothing, which lets the engine forget
	}
}

// farBehind returns up to which batch no node is waited for: as many bytes as are kept for one stand behind it. It is 0
// while that is not known.
func (s *shared) farBehind() uint64 {
	far, isAll := s.tail.spans.before(s.atMost(s.keepMax, 2))
	if !isAll {
		return 0
	}
	return far
}

// atMost returns how many bytes are kept in an engine that may be small: a part of what it may take at the most.
func (s *shared) atMost(bytes, part int64) int64 {
	if most := s.engineMax.Load(); most > 0 {
		return min(bytes, most/part)
	}
	return bytes
}

// cutTo returns up to which batch an engine need not keep the order, and the nodes because of which that is so: as many as there must be
// copies have it on their disks. All that are live are waited for up to the batch far, and what is
// behind the batch newest stays.
func cutTo(nodes []cluster.Seen, copies int, newest, far uint64) (upTo uint64, counted []cluster.Seen) {
	slowest := newest
	for _, n := range nodes {
		slowest = min(slowest, needs(n))
	}
	nodes = slices.DeleteFunc(slices.Clone(nodes), func(n cluster.Seen) bool { return n.Pinned > 0 })
	if len(nodes) < copies {
		return 0, nil
	}
	slices.SortFunc(nodes, func(a, b cluster.Seen) int { return cmp.Compare(b.Copied, a.Copied) })
	upTo = min(nodes[copies-1].Copied, max(slowest, far), newest)
	for _, n := range nodes {
		if n.Copied >= upTo {
			counted = append(counted, n)
		}
	}
	return upTo, counted
}

// needs returns behind which batch a node needs the order from others.
func needs(n cluster.Seen) uint64 {
	if n.Pinned > 0 {
		return n.Pinned
	}
	return n.Copied
}

// needed returns behind which batch this node keeps its journal for others that are live and lie behind, up to as
// many bytes as are kept for one.
func (s *shared) needed() uint64 {
	behind := s.tail.copied.load()
	for _, n := range s.roster.nodes() {
		behind = min(behind, needs(n))
	}
	return max(behind, s.farBehind())
}
