package ledger

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"meterledger/internal/cluster"
)

const (
	// confirmedMax is how long ago the engine may have answered before nothing is taken, and credentials are not
	// believed any more: another node may have revoked them.
	confirmedMax = 5 * time.Second
	// leaderlessMax is how long no node may lead before a balancer is told: a leader that dies is followed by another one.
	leaderlessMax = 2 * time.Second
	// offsetWarned is how far the clock of this node may be from the leader's before the log says so, and offsetMax
	// before it is no measure any more of what lies in the future.
	offsetWarned = 2 * time.Second
	offsetMax    = time.Minute
)

// lookout is what this node sees of the others and of the engine: for operators, for balancers, and for the log,
// which says each change once.
type lookout struct {
	self   cluster.Node
	log    *slog.Logger
	roster *roster // which hears of the nodes before

	viewed moment      // when the newest view was asked for
	led    moment      // when a node led, as far as was seen
	skewed atomic.Bool // the clock is more than offsetMax from the leader's

	mu     sync.Mutex // guards all below
	view   cluster.View
	leader cluster.Leader // the last that was seen
	terms  uint64         // that were seen
	nodes  []cluster.Seen
	before [2]uint64 // the head when the nodes were looked at before, and before that

	isBlind, isLeaderless, isOff bool // the log has said so
}

func (o *lookout) begin() {
	now := time.Now()
	o.viewed.set(now)
	o.led.set(now)
}

// saw takes down what the engine has answered to a question of some time before.
func (o *lookout) saw(v cluster.View, asked time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.viewed.isAfter(asked) {
		return
	}
	if o.isBlind {
		o.log.Info("the etcd answers again", "after", o.viewed.ago().Round(time.Millisecond))
	}
	o.isBlind = false
	o.viewed.set(asked)
	o.sawLeader(v.Leader)
	o.sawHalt(v.Halted)
	o.view = v
}

func (o *lookout) sawLeader(l cluster.Leader) {
	before := o.leader
	if l.Term == 0 {
		if !o.isLeaderless && o.lacksLeader() {
			o.isLeaderless = true
			o.log.Warn("no node leads: what is sent waits for one", "led_before", before.Name)
		}
		return
	}
	o.led.set(time.Now())
	o.leader = l
	if l == before && !o.isLeaderless {
		return
	}
	if l.Term != before.Term {
		o.terms++
	}
	o.isLeaderless = false
	if l.Incarnation != o.self.Incarnation { // else leader says so
		o.log.Info("another node leads", "node", l.Name, "term", l.Term)
	}
}

func (o *lookout) sawHalt(halted uint64) {
	switch {
	case halted == o.view.Halted:
	case halted == 0:
		o.log.Info("the order goes on: what the etcd had lost is there again")
	default:
		o.log.Error("the order is halted: the etcd was brought back from an older copy and has lost batches that nodes have copied; start one that has them with -cluster-heal", "batch", halted)
	}
}

// missed takes down that the engine does not answer.
func (o *lookout) missed(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.isBlind || !o.isUnconfirmed() {
		return
	}
	o.isBlind = true
	if errors.Is(err, cluster.ErrNotFounded) {
		o.log.Error("the etcd holds no order any more, so it is another one, or has lost everything: readings and registrations are refused; stop all nodes, and choose their etcd, " +
			"or start the node that has most with -cluster-found=again and the others with -cluster-heal")
		return
	}
	o.log.Warn("too few members of the etcd answer: readings and registrations are refused, and questions are answered with what is known here", "error", err)
}

// isUnconfirmed reports whether the engine has not answered for long. It is asked before each reading.
func (o *lookout) isUnconfirmed() bool {
	return o.viewed.ago() > confirmedMax
}

func (o *lookout) lacksLeader() bool {
	return o.led.ago() > leaderlessMax
}

// sawNodes takes down what the nodes say of themselves, which is about every sayEvery.
func (o *lookout) sawNodes(nodes []cluster.Seen) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.before = [2]uint64{o.view.Head.Sequence, o.before[0]}
	o.nodes = nodes
	offset, known := o.offset()
	o.skewed.Store(known && offset.Abs() > offsetMax)
	switch isOff := known && offset.Abs() > offsetWarned; {
	case isOff == o.isOff:
		return
	case isOff:
		o.log.Warn("the clock of this node differs from the leader's: see that both are set by the same servers", "ahead", offset, "leader", o.leader.Name)
	case known:
		o.log.Info("the clock of this node is the leader's again", "ahead", offset, "leader", o.leader.Name)
	default:
		return
	}
	o.isOff = !o.isOff
}

// offset returns by how much the clock of this node is ahead of the leader's, within a second or so: the reading that
// came fastest is right by half of sayEvery.
func (o *lookout) offset() (ahead time.Duration, known bool) {
	switch {
	case o.view.Leader.Term == 0:
		return 0, false
	case o.view.Leader.Incarnation == o.self.Incarnation:
		return 0, true
	}
	ahead, known = o.roster.ahead(o.view.Leader.Name)
	return ahead - sayEvery/2, known
}

// copies returns on how many nodes' disks is what was the newest a second or two before the nodes were seen last.
func (o *lookout) copies() (count int) {
	for _, n := range o.nodes {
		if n.Copied >= o.before[1] {
			count++
		}
	}
	return count
}
