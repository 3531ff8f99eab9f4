package ledger

import (
	"context"
	"math"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// FormatVersion is the format of the data folders that are written today.
const FormatVersion = formatVersion

// Hash is the hash of all that the ledger knows.
func (l *Ledger) Hash() [32]byte { return l.store.Hash() }

// RecordMany takes readings as a Bulk does and returns what became of each.
func (l *Ledger) RecordMany(ctx context.Context, readings []meter.Reading) ([]Result, error) {
	results := make([]Result, len(readings))
	b := l.Bulk(ctx)
	b.settings.each = func(row int, _ store.Index, r Result) { results[row] = r }
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
func (l *Ledger) InMemory() uint64 {
	_, readings := l.store.Counts()
	return readings
}

// PointsInMemory are the readings of a meter that are in memory.
func (l *Ledger) PointsInMemory(id meter.ID) []meter.Point {
	i, known := l.store.Lookup(id)
	if !known {
		return nil
	}
	return l.store.Read(i.Index, meter.Window{To: math.MaxUint32}, nil).Points
}

// BulkPause is how long a Bulk pauses in a rush.
var BulkPause = bulkPace.pause
