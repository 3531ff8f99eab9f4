package ledger

import (
	"math"
	"time"

	"meterledger/internal/cluster"
	"meterledger/internal/meter"
	"meterledger/internal/metric"
)

// Standing is how a node stands among those of its order, as far as it knows.
type Standing struct {
	Node      cluster.Node
	Leader    cluster.Leader // the zero value while none is known
	Terms     uint64         // that were seen to begin since the program started
	Applied   uint64         // sequences of the last batches that are applied here,
	Copied    uint64         // on the disk of this node,
	Head      uint64         // and in the etcd, as seen last or applied since
	Staleness time.Duration  // everything that was answered so long ago is applied here
	Waiting   int            // proposals that were not met in the order yet
	Halted    uint64         // the batch that the etcd has lost; 0 for none
	Disputed  bool           // as many nodes have come to other verdicts as to those of this one
	Copies    int            // of the newest batches, on disks of live nodes
	Offset    time.Duration  // by how much the clock is ahead of the leader's
	Offsets   bool           // Offset is known
	Confirmed bool           // the etcd has answered lately
	Nodes     []cluster.Seen // that are live, by name
}

// Cluster returns how this node stands among others; nil for a node alone.
func (l *Ledger) Cluster() *Standing {
	if l.shared == nil {
		return nil
	}
	s, o := l.shared, &l.shared.lookout
	o.mu.Lock()
	defer o.mu.Unlock()
	offset, known := o.offset()
	applied := s.tail.applied.load()
	return &Standing{
		Node: s.self, Leader: o.view.Leader, Terms: o.terms, Applied: applied, Copied: s.tail.copied.load(),
		Head: max(o.view.Head.Sequence, applied), Staleness: l.Staleness(), Waiting: s.mine.waiting(), Halted: o.view.Halted, Disputed: s.disputed.Load(),
		Copies: o.copies(), Offset: offset, Offsets: known, Confirmed: !o.isUnconfirmed(), Nodes: o.nodes,
	}
}

var (
	errUnled     = meter.Unavailable(meter.CodeNotReady, time.Second, "no node leads now: what is sent waits for one").Because(meter.ReasonNoQuorum)
	errLagging   = meter.Unavailable(meter.CodeNotReady, time.Second, "this node has not come as far as the others: what is sent here waits until it has").Because(meter.ReasonNoQuorum)
	errClockSkew = meter.Unavailable(meter.CodeNotReady, 5*time.Second, "the clock of this node is more than a minute from that of the node that leads: readings and registrations are taken again once it is set").
			Because(meter.ReasonClockSkew)
)

// lagMax is how far a node may lie behind what the engine has before a balancer is told.
const lagMax = time.Second

// ready returns why a balancer should send readings to other nodes, though this one would take them.
func (s *shared) ready(staleness time.Duration) error {
	switch unseen := s.lookout.viewed.ago(); {
	case s.lookout.lacksLeader():
		return errUnled
	case staleness-unseen > lagMax:
		return errLagging
	}
	return nil
}

// measureCluster adds what is told of several nodes.
func (l *Ledger) measureCluster() {
	gauge := func(name, help string, value func(*Standing) float64) {
		l.metrics.set.Gauge("cluster_"+name, help, func() float64 { return value(l.Cluster()) })
	}
	gauge("leads", "1 while this node leads, as far as it knows and the etcd answers.", func(s *Standing) float64 {
		return metric.Flag(s.Confirmed && s.Leader.Incarnation == s.Node.Incarnation)
	})
	gauge("leader_known", "1 while this node knows of a node that leads.", func(s *Standing) float64 { return metric.Flag(s.Confirmed && s.Leader.Term > 0) })
	gauge("term", "Since when the present leader leads: terms rise from leader to leader.", func(s *Standing) float64 { return float64(s.Leader.Term) })
	gauge("applied_batch", "Sequence of the last batch that this node answers from.", func(s *Standing) float64 { return float64(s.Applied) })
	gauge("copied_batch", "Sequence of the last batch on the disk of this node.", func(s *Standing) float64 { return float64(s.Copied) })
	gauge("head_batch", "Sequence of the last batch in the etcd, as seen last.", func(s *Standing) float64 { return float64(s.Head) })
	gauge("staleness_seconds", "Everything that any node had answered so long ago is in the answers of this node.", func(s *Standing) float64 { return s.Staleness.Seconds() })
	gauge("live_nodes", "Nodes that have said something in the last ten seconds, as seen last.", func(s *Standing) float64 { return float64(len(s.Nodes)) })
	gauge("copies", "On how many live nodes' disks the newest batches are, but for those of the last two seconds.", func(s *Standing) float64 { return float64(s.Copies) })
	gauge("clock_offset_seconds", "By how much the clock of this node is ahead of the leader's, within half a second; not a number if that is not known.", func(s *Standing) float64 {
		if !s.Offsets {
			return math.NaN()
		}
		return s.Offset.Seconds()
	})
	gauge("proposals_waiting", "What this node has sent to be part of the order and has not met there yet.", func(s *Standing) float64 { return float64(s.Waiting) })
	gauge("halted", "1 while the etcd lacks batches that nodes have copied: nothing is taken.", func(s *Standing) float64 { return metric.Flag(s.Halted > 0) })
	gauge("disputed", "1 while as many nodes have come to other verdicts as to those of this one: nothing is taken.", func(s *Standing) float64 { return metric.Flag(s.Disputed) })
	l.metrics.set.CounterFunc("cluster_terms_total", "Terms that this node has seen to begin.", func() float64 { return float64(l.Cluster().Terms) })
}
