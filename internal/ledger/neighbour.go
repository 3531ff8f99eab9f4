package ledger

import (
	"slices"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// before returns the latest reading of a meter before a slot, wherever it is, or nil.
func (l *Ledger) before(m store.Meter, slot meter.Slot) (*meter.Point, error) {
	return l.nearest(m, slot, l.store.Before, func(rows []meter.Point) []meter.Point {
		place, _ := slices.BinarySearchFunc(rows, slot, bySlot)
		return rows[max(place, 1)-1 : place]
	})
}

// after returns the first reading of a meter after a slot, wherever it is, or nil.
func (l *Ledger) after(m store.Meter, slot meter.Slot) (*meter.Point, error) {
	return l.nearest(m, slot, l.store.After, func(rows []meter.Point) []meter.Point {
		place, _ := slices.BinarySearchFunc(rows, slot+1, bySlot)
		return rows[place:min(place+1, len(rows))]
	})
}

// nearest asks memory for the reading that is nearest to a slot on one side, and
// the archive of the month that the slot lies in, where pick takes one of the rows.
func (l *Ledger) nearest(
	m store.Meter, slot meter.Slot,
	inMemory func(store.Index, meter.Slot) store.Near, pick func([]meter.Point) []meter.Point,
) (*meter.Point, error) {
	for {
		near := inMemory(m.Index, slot)
		var candidates []meter.Point
		if near.Found {
			candidates = append(candidates, near.Point)
		}
		if near.Archive != nil {
			rows, err := l.archivedRows(m, *near.Archive)
			if err != nil && l.rewritten(*near.Archive) {
				continue
			}
			if err != nil {
				return nil, err
			}
			candidates = append(candidates, pick(rows)...)
		}
		return nearestOf(candidates, slot), nil
	}
}

// nearestOf returns the point that is nearest to a slot, all being on one side of it.
func nearestOf(points []meter.Point, slot meter.Slot) *meter.Point {
	if len(points) == 0 {
		return nil
	}
	nearest := slices.MinFunc(points, func(a, b meter.Point) int { return distance(a, slot) - distance(b, slot) })
	return &nearest
}

func distance(p meter.Point, slot meter.Slot) int { return max(bySlot(p, slot), -bySlot(p, slot)) }
