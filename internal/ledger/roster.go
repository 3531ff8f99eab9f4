package ledger

import (
	"slices"
	"sync"
	"time"

	"meterledger/internal/cluster"
	"meterledger/internal/store"
)

const (
	// skewMax is how far the clock of a node that leads may be from the time that most nodes agree on: the others take
	// nothing while theirs is far from the leader's.
	skewMax = time.Minute
	// skewLooks is of how many looks the best one counts: what a node says is seen later than it was said.
	skewLooks = 8
)

// roster is what this node has heard of the nodes of its order.
type roster struct {
	self string
	now  func() time.Time

	mu   sync.Mutex            // guards all below
	live []cluster.Seen        // as heard last
	ever map[string]*colleague // all others that were live while this process ran, by name
}

// colleague is another node.
type colleague struct {
	cluster.Seen
	isLive bool
	ahead  []time.Duration // by how much this node's clock is ahead of what it said, newest last
}

// hear notes which nodes are live.
func (r *roster) hear(nodes []cluster.Seen) {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.live = nodes
	for _, c := range r.ever {
		c.isLive = false
	}
	for _, n := range nodes {
		if n.Name == r.self {
			continue
		}
		c := r.ever[n.Name]
		if c == nil {
			c = new(colleague)
			r.ever[n.Name] = c
		}
		if n.Clock != c.Clock { // else it was said long ago
			c.ahead = append(c.ahead, now.Sub(time.UnixMilli(n.Clock)))
			c.ahead = c.ahead[max(0, len(c.ahead)-skewLooks):]
		}
		c.Seen, c.isLive = n, true
	}
}

// ahead returns by how much this node's clock is ahead of another's, and of the time that what it says takes to be heard.
func (r *roster) ahead(name string) (by time.Duration, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.ever[name]
	if c == nil || len(c.ahead) == 0 {
		return 0, false
	}
	return slices.Min(c.ahead), true
}

// nodes returns those that are live.
func (r *roster) nodes() []cluster.Seen {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.live
}

// others returns all other nodes that were ever heard of.
func (r *roster) others() (nodes []cluster.Node) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.ever {
		nodes = append(nodes, c.Node)
	}
	return nodes
}

// allKnow reports whether all nodes that were ever heard of know the rules of a level, by what they said last. One that is
// away may come back as the older program that it was, which could not read on.
func (r *roster) allKnow(l store.Level) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.ever {
		if c.Level < uint8(l) {
			return false
		}
	}
	return true
}

// lackRoom reports whether fewer nodes than there must be copies of a batch have at least some room on their disks; if
// fewer are live, whether one of them lacks it.
func (r *roster) lackRoom(copies int, least cluster.Room) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	have := 0
	for _, n := range r.live {
		if n.Room <= least {
			have++
		}
	}
	return have < min(copies, len(r.live))
}

// isAstray reports whether most live nodes agree on another time than this one has.
func (r *roster) isAstray() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	skews := []time.Duration{0}
	for _, c := range r.ever {
		if c.isLive && len(c.ahead) > 0 {
			skews = append(skews, slices.Min(c.ahead))
		}
	}
	for _, theirs := range skews {
		agree := 0
		for _, skew := range skews {
			if (skew - theirs).Abs() <= skewMax {
				agree++
			}
		}
		if theirs.Abs() > skewMax && 2*agree > len(skews) {
			return true
		}
	}
	return false
}
