package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meterledger/internal/cluster"
)

// takenMax is how long another process may have this node's name and say that it lives.
const takenMax = 2 * cluster.SayTime

// errTaken ends a node whose name another process has.
func errTaken(name string) error {
	return fmt.Errorf("another process takes part as node %s: stop it, or give this one another name with -cluster-node or CLUSTER_NODE", name)
}

// namesake is another process that has this node's name. One that has ended may have it for long: an engine that changes its own
// leader begins the time of what was said anew.
type namesake struct {
	refused time.Time // since when this node's name is refused; zero if it is not
	clock   int64     // what the other one said last
	heard   time.Time // when it said something new
}

// lives reports whether another process takes part under the name, by what became of this one's saying something.
func (n *namesake) lives(ctx context.Context, e cluster.Engine, name string, said error) bool {
	if !errors.Is(said, cluster.ErrNameTaken) {
		*n = namesake{}
		return false
	}
	now := time.Now()
	if n.refused.IsZero() {
		n.refused = now
	}
	nodes, _ := e.Nodes(ctx) // else nothing new is heard
	for _, other := range nodes {
		if other.Name == name && other.Clock != n.clock {
			n.clock, n.heard = other.Clock, now
		}
	}
	return now.Sub(n.refused) > takenMax && now.Sub(n.heard) < cluster.SayTime
}
