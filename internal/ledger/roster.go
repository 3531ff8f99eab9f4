package ledger

import (
	"cmp"
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
	// freshMax is how old a status may be at most that is a measure of a clock: three looks, where a node looks just when
	// another one says something, and a little more.
	freshMax = 3*sayEvery + sayEvery/2
)

// roster is what this node has heard of the nodes of its order.
type roster struct {
	self string
	now  func() time.Time

	mu    sync.Mutex            // guards all below
	asked time.Time             // for what was heard last
	live  []cluster.Seen        // as heard last
	ever  map[string]*colleague // all others that were live while this process ran, by name
}

// colleague is another node.
type colleague struct {
	cluster.Seen
	isLive bool
	heard  time.Time // when it was asked for last, of the times that it was there
	after  time.Time // when it had not said yet what it said last
	ahead  []aheadBy // newest last
}

// aheadBy is by how much this node's clock is ahead of what another one said, and of the time that this took to be heard.
type aheadBy struct {
	time.Duration
	isFresh bool // that is freshMax at most
}

// hear notes which nodes are live, as the engine answered to a question of some time before. A node says one thing after
// another: it was not about to say the second while a look did not show the first. By that the age of what it says is known at
// most, also if its process or this one was stopped meanwhile.
func (r *roster) hear(nodes []cluster.Seen, asked time.Time) {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if asked.Before(r.asked) {
		return
	}
	r.asked, r.live = asked, nodes
	for _, c := range r.ever {
		c.isLive = false
	}
	for _, n := range nodes {
		if n.Name == r.self {
			continue
		}
		c := r.ever[n.Name]
		if c == nil {
			c = &colleague{heard: asked.Add(-cluster.SayTime), after: asked.Add(-cluster.SayTime)}
			r.ever[n.Name] = c
		}
		if n.Clock != c.Clock { // else it was said long ago
			c.ahead = append(c.ahead, aheadBy{now.Sub(time.UnixMilli(n.Clock)), time.Since(c.after) <= freshMax})
			c.ahead = c.ahead[max(0, len(c.ahead)-skewLooks):]
			c.after = c.heard
		}
		c.Seen, c.isLive, c.heard = n, true, asked
	}
}

// least is what has taken the shortest time to be heard.
func (c *colleague) least() time.Duration {
	return slices.MinFunc(c.ahead, func(a, b aheadBy) int { return cmp.Compare(a.Duration, b.Duration) }).Duration
}

// isMeasured reports whether the clock of another node is known: one may have been stopped since it has said anything, or have ended
// while an engine in trouble keeps what it said.
func (c *colleague) isMeasured() bool {
	return slices.ContainsFunc(c.ahead, func(a aheadBy) bool { return a.isFresh })
}

// ahead returns by how much this node's clock is ahead of another's, and of the time that what it says takes to be heard. It is
// not known before the other has said a few things, one after another, while this one listened.
func (r *roster) ahead(name string) (by time.Duration, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.ever[name]
	if c == nil || !c.isMeasured() {
		return 0, false
	}
	return c.least(), true
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
		if c.isLive && c.isMeasured() {
			skews = append(skews, c.least())
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
