package store

import (
	"encoding/binary"
	"fmt"

	"meterledger/internal/meter"
)

// recall brings the archived rows of one meter's closed month back into memory, so that
// a late reading can be judged beside them. They were accepted once and are not judged
// again. Revision is that of the archive they were read from; if the archive has another
// by now, they are stale.
// While the month is held, its verdict is Held: what a run finds in memory stays as it is.
//
//	recall  04 | month | revision uint32 | meter uint32 | n uint32 | n points
type recall struct {
	month    meter.Month
	revision uint32
	meter    Index
	points   []meter.Point
}

// RecallBytes is the size of a recall of so many points.
func RecallBytes(points int) int { return 1 + 4*4 + points*pointBytes }

// AppendRecall adds a recall to a batch. It is about 20 KB for a whole month.
func AppendRecall(b []byte, m meter.Month, revision uint32, i Index, points []meter.Point) []byte {
	b = appendMonth(append(b, byte(kindRecall)), m)
	b = binary.BigEndian.AppendUint32(b, revision)
	b = binary.BigEndian.AppendUint32(b, uint32(i))
	b = binary.BigEndian.AppendUint32(b, uint32(len(points)))
	for _, p := range points {
		b = appendPoint(b, p)
	}
	return b
}

func (d *decoder) recall() recall {
	r := recall{month: d.month(), revision: d.uint32(), meter: d.meter()}
	for range d.items {
		r.points = append(r.points, d.point())
	}
	return r
}

func (r recall) effect(s *Store) Verdict {
	m := s.closedMonth(r.month)
	if m == nil || m.Revision != r.revision || !m.mustRecall(r.meter) {
		return Verdict{Outcome: StaleRecall}
	}
	if s.hold.meets(m.Window.Rows()) {
		return Verdict{Outcome: Held}
	}
	for _, p := range r.points {
		if _, taken := s.grid.at(r.meter, p.Slot); !taken {
			s.record(r.meter, p)
		}
	}
	m.recalled.add(r.meter)
	return Verdict{Outcome: Accepted}
}

// encodeRecalled writes which meters' rows are in memory again; bit m of word w is
// meter 64 w + m.
//
//	recalled  14 | version | month | first word uint32 | n uint32 | n × uint64
func encodeRecalled(e *stateEncoder, s *state) {
	for _, m := range s.months {
		head := func(b []byte, first int) []byte {
			return binary.BigEndian.AppendUint32(appendMonth(b, m.Month), uint32(first))
		}
		encodeList(e, m.recalled, head, binary.BigEndian.AppendUint64)
	}
}

func decodeRecalled(d *StateDecoder) {
	m, first := d.closedMonth(), int(d.uint32())
	if m != nil && first == len(m.recalled) {
		m.recalled = d.appendWords(m.recalled)
	}
}

// appendWords reads a part of a set of meters.
func (d *StateDecoder) appendWords(set indexSet) indexSet {
	n := d.uint32()
	if words := uint64(len(set)) + uint64(n); words > uint64(len(d.s.accounts)+63)/64 {
		d.fail(fmt.Errorf("%d meters' rows are said to be recalled", words*64))
		return set
	}
	for range n {
		set = append(set, d.uint64())
	}
	return set
}
