package store

import (
	"encoding/binary"
	"unsafe"

	"meterledger/internal/meter"
)

// life is what a meter has been through and what is known of its dial. It is never changed,
// only replaced. Most meters have none.
type life struct {
	dials     meter.Dials
	limits    meter.Limits
	displaced []meter.Point // that stood at their slots until an exchange was entered or taken back
}

var noLife life

func (s *state) lifeOf(i Index) *life {
	if l := s.lives.at(i); l != nil {
		return l
	}
	return &noLife
}

// live replaces what a meter has been through.
func (s *Store) live(i Index, l life) {
	s.held.lives += l.bytes() - s.lifeOf(i).bytes()
	s.lives.set(i, &l, s.grid.ice)
	s.mark(i)
}

func (l *life) bytes() int64 {
	n := int64(unsafe.Sizeof(life{})) + int64(cap(l.dials))*int64(unsafe.Sizeof(meter.Change{})) + int64(cap(l.displaced))*int64(unsafe.Sizeof(meter.Point{}))
	for i := range l.dials {
		n += int64(len(l.dials[i].Serial) + len(l.dials[i].By))
	}
	return n
}

// mark says that a verdict on readings of a meter depends on more than its neighbours.
func (s *Store) mark(i Index) { s.marked.add(i) }

// IsMarked reports whether a verdict on readings of a meter depends on more than its
// neighbours.
func (s *Store) IsMarked(i Index) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.marked.has(i)
}

// Life returns the dials of a meter and its limits.
func (s *Store) Life(i Index) (meter.Dials, meter.Limits) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	l := s.lifeOf(i)
	return l.dials, l.limits
}

// A change and limits are written as
//
//	change: at uint64 | kind uint8 | old | new | modulus | is estimated uint8 | estimated | placed uint8 | serial | by | entered at
//	limits: rolls over at | max kW
//
// with each exact number as scale uint8 | coefficient uint64.
func appendChange(b []byte, c meter.Change) []byte {
	b = append(binary.BigEndian.AppendUint64(b, uint64(c.At)), byte(c.Kind))
	b = appendRegister(appendRegister(appendRegister(b, c.Old), c.New), c.Modulus)
	b = appendRegister(appendFlag(b, c.IsEstimated), c.Estimated)
	b = append(b, byte(c.Placed))
	return appendTime(appendText(appendText(b, c.Serial), c.By), c.EnteredAt)
}

func (d *decoder) change() meter.Change {
	c := meter.Change{At: d.instant(), Kind: d.changeKind(), Old: d.register(), New: d.register(), Modulus: d.register()}
	c.IsEstimated, c.Estimated, c.Placed = d.flag(), d.register(), d.placing()
	c.Serial, c.By, c.EnteredAt = d.text(), d.text(), d.time()
	return c
}

func appendLimits(b []byte, l meter.Limits) []byte {
	return appendRegister(appendRegister(b, l.RollsOverAt), meter.Register(l.MaxKW))
}

func (d *decoder) limits() meter.Limits {
	return meter.Limits{RollsOverAt: d.register(), MaxKW: meter.Power(d.register())}
}

// encodeLives writes
//
//	lives  21 | version | n uint32 | n × (meter uint32 | limits | changes uint32 | changes × change | n uint32 | n × displaced point)
func encodeLives(e *stateEncoder, s *state) {
	type meterLife struct {
		meter Index
		*life
	}
	var all []meterLife
	for i, l := range s.lives.all {
		all = append(all, meterLife{i, l})
	}
	encodeList(e, all, noHead, func(b []byte, l meterLife) []byte {
		b = appendLimits(binary.BigEndian.AppendUint32(b, uint32(l.meter)), l.limits)
		b = binary.BigEndian.AppendUint32(b, uint32(len(l.dials)))
		for _, c := range l.dials {
			b = appendChange(b, c)
		}
		b = binary.BigEndian.AppendUint32(b, uint32(len(l.displaced)))
		for _, p := range l.displaced {
			b = appendPoint(b, p)
		}
		return b
	})
}

func decodeLives(d *StateDecoder) {
	for range d.items {
		i, limits := d.meter(), d.limits()
		var changes []meter.Change
		for range d.items {
			changes = append(changes, d.change())
		}
		var displaced []meter.Point
		for range d.items {
			displaced = append(displaced, d.point())
		}
		if d.err == nil {
			d.s.live(i, life{meter.NewDials(changes), limits, displaced})
		}
	}
}
