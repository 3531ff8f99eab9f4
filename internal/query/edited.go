package query

import (
	"cmp"
	"slices"

	"meterledger/internal/meter"
	"meterledger/internal/store"
	"meterledger/internal/vee"
)

// edits are what was corrected of a meter within a window; none for nearly all.
type edits []store.Past

func (q *Reader) edits(i store.Index, w meter.Window) edits { return q.store.History(i, q.cut(w)) }

// read returns a reading as a known register. One that a correction made what it is was not sent.
func (e edits) read(p meter.Point, dials meter.Dials) vee.Known {
	k := vee.Read(p, dials)
	if len(e) == 0 {
		return k
	}
	next, _ := slices.BinarySearchFunc(e, p.Slot+1, func(past store.Past, slot meter.Slot) int { return cmp.Compare(past.Slot, slot) })
	if next > 0 && e[next-1].Slot == p.Slot && !e[next-1].IsWithdrawn && e[next-1].After == p.Register {
		k.Source = vee.Edited
	}
	return k
}
