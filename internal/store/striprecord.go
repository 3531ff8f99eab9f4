package store

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// meterStrip is a strip and the meter of its tile that it is of.
type meterStrip struct {
	meter Index
	strip strip
}

// encodeStrips writes the days that are not dense, of each tile in as many records as
// they need:
//
//	strips  20 | version | tile's first day uint32 | first meter uint32 | n uint32 | n × (meter uint8 | bytes uint16 | strip)
//
// The meter of a strip is counted from the tile's first. See strip for its bytes.
func encodeStrips(e *stateEncoder, s *state) {
	for n, l := range s.grid.lanes {
		for _, t := range l.tiles {
			var all []meterStrip
			for i := range t.meters {
				all = append(all, meterStrip{i, t.strip(i)})
				e.readings += uint64(t.strip(i).readings())
			}
			head := func(b []byte, _ int) []byte {
				b = binary.BigEndian.AppendUint32(b, t.firstDay())
				return binary.BigEndian.AppendUint32(b, uint32(n*chunkMeters))
			}
			encodeList(e, all, head, func(b []byte, m meterStrip) []byte {
				b = binary.BigEndian.AppendUint16(append(b, uint8(m.meter)), uint16(len(m.strip)))
				return append(b, m.strip...)
			})
		}
	}
}

func (s strip) readings() (n int) {
	for ; len(s) > 0; s = s[s.size():] {
		n += bits.OnesCount64(s.mask())
	}
	return n
}

func decodeStrips(d *StateDecoder) {
	day, first := d.uint32(), Index(d.uint32())
	if d.err != nil || first%chunkMeters != 0 || day%tileDays != 0 || day > dayMax || int(first) >= len(d.s.accounts) {
		d.fail(fmt.Errorf("strips of meter %d on day %d", first, day))
		return
	}
	d.s.grid.change(first, day, func(t *tile) {
		for range d.items {
			i := Index(d.uint8())
			s := strip(d.take(int(d.uint16())))
			if int(first+i) >= len(d.s.accounts) {
				d.fail(fmt.Errorf("meter %d is not registered", first+i))
			}
			if d.err == nil {
				d.strip(t, i, s)
			}
		}
	})
}

// strip takes a meter's strip, and refuses one that the store could not have made.
func (d *StateDecoder) strip(t *tile, i Index, s strip) {
	if _, found := t.rank(i); found || len(s) == 0 {
		d.fail(fmt.Errorf("a strip of meter %d is empty, or the second one", i))
		return
	}
	next := uint8(0)
	for left := s; len(left) > 0; left = left[left.size():] {
		if !left.isDay() || left[0] < next || t.dense>>left[0]&1 != 0 || t.counts[left[0]] == math.MaxUint8 {
			d.fail(fmt.Errorf("a strip of meter %d has a day that does not belong into it", i))
			return
		}
		next = left[0] + 1
		t.counts[left[0]]++
		d.s.readings += uint64(bits.OnesCount64(left.mask()))
	}
	t.change(i, ice{}, func(strip) strip { return slices.Clone(s) })
}

// isDay reports whether a strip begins with a day that the store could have made.
func (s strip) isDay() bool {
	if len(s) < stripHead || len(s) < s.size() || s[0] >= tileDays || s.mask() == 0 {
		return false
	}
	for rest := s.mask(); rest != 0; rest &= rest - 1 {
		if _, ok := s.register(bits.TrailingZeros64(rest)); !ok {
			return false
		}
	}
	return true
}
