package store

import (
	"encoding/binary"

	"meterledger/internal/meter"
)

// recall brings the archived rows of one meter's closed month back into memory, so that
// a late reading can be judged beside them. They were accepted once and are not judged
// again. Revision is the archive's when they were read; from another they are stale.
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

func decodeRecall(d *decoder) fact {
	r := recall{month: d.month(), revision: d.uint32(), meter: d.meter()}
	for range d.uint32() {
		r.points = append(r.points, d.point())
		if d.err != nil {
			break
		}
	}
	return r
}

func (r recall) effect(s *Store) Verdict {
	m := s.closedMonth(r.month)
	if m == nil || m.Revision != r.revision || !m.mustRecall(r.meter) {
		return Verdict{Outcome: StaleRecall}
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
		e.list(14, len(m.recalled), head, func(b []byte, i int) []byte { return binary.BigEndian.AppendUint64(b, m.recalled[i]) })
	}
}

func readRecalled(r *stateReader, _ uint8) {
	m, first := r.closedMonth(), int(r.uint32())
	if m != nil && first == len(m.recalled) {
		m.recalled = r.words(m.recalled)
	}
}
