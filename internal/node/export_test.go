package node

import (
	"context"
	"math"
	"time"

	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Hash is the hash of all that the node knows.
func (n *Node) Hash() [32]byte { return n.Store().Hash() }

// RecordMany takes readings as a Bulk does and returns what became of each.
func (n *Node) RecordMany(ctx context.Context, readings []meter.Reading) ([]ledger.Result, error) {
	results := make([]ledger.Result, len(readings))
	b := n.Bulk(ctx)
	b.Tell(func(row int, _ store.Index, r ledger.Result) { results[row] = r })
	for i, reading := range readings {
		if err := b.Add(i, reading.Row()); err != nil {
			return nil, err
		}
	}
	tally, err := b.Flush()
	if err != nil {
		return nil, err
	}
	for _, refusal := range tally.Refusals { // also those that no meter was found for
		results[refusal.Row].Err = refusal.Err
	}
	return results, nil
}

// InMemory is how many readings are in memory.
func (n *Node) InMemory() uint64 {
	_, readings := n.Store().Counts()
	return readings
}

// PointsInMemory are the readings of a meter that are in memory.
func (n *Node) PointsInMemory(id meter.ID) []meter.Point {
	m, known := n.Store().Lookup(id)
	if !known {
		return nil
	}
	return n.Store().Read(m.Index, meter.Window{To: math.MaxUint32}, nil).Points
}

// BulkPause is how long a Bulk pauses in a rush.
const BulkPause = 100 * time.Microsecond
