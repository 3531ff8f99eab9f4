package store

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"

	"meterledger/internal/meter"
)

// DayBytes is what the readings of a day of standard time take.
type DayBytes struct {
	First meter.Slot // of the day
	Bytes int64
}

// MeterBytes is what the readings of a meter take.
type MeterBytes struct {
	Meter Index
	Bytes int64
}

// Largest returns the days and the meters whose readings take the most memory, some of each
// at the most, the largest first. It goes through all tiles.
func (s *Store) Largest(most int) (days []DayBytes, meters []MeterBytes) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	byDay, byMeter := make(map[uint32]int64), make(map[Index]int64)
	for n := range s.grid.lanes {
		for place := range s.grid.lanes[n].tiles {
			s.grid.lanes[n].tiles[place].weigh(Index(n*chunkMeters), byDay, byMeter)
		}
	}
	for _, day := range largest(byDay, most) {
		days = append(days, DayBytes{slotOf(day, 0), byDay[day]})
	}
	for _, i := range largest(byMeter, most) {
		meters = append(meters, MeterBytes{i, byMeter[i]})
	}
	return days, meters
}

func largest[K cmp.Ordered](bytes map[K]int64, most int) []K {
	all := slices.SortedFunc(maps.Keys(bytes), func(a, b K) int { return cmp.Or(cmp.Compare(bytes[b], bytes[a]), cmp.Compare(a, b)) })
	return all[:min(most, len(all))]
}

// weigh adds what each day and each meter of a tile takes.
func (t *tile) weigh(first Index, byDay map[uint32]int64, byMeter map[Index]int64) {
	for rest := t.dense; rest != 0; rest &= rest - 1 {
		day := uint32(bits.TrailingZeros32(rest))
		c := &t.chunks[day]
		byDay[t.firstDay()+day] += c.bytes()
		for i := range c.blocks {
			if c.blocks[i].mask() != 0 {
				byMeter[first+Index(i)] += blockSize
			}
		}
	}
	for i := range t.meters {
		for s := t.strip(i); len(s) > 0; s = s[s.size():] {
			byDay[t.firstDay()+uint32(s[0])] += int64(s.size())
			byMeter[first+i] += int64(s.size())
		}
	}
}
