package archive

import (
	"sync"

	"meterledger/internal/meter"
)

// stamps translates between slots and timestamps. The half hours of a period,
// nearly all that occur, are written once and looked up from then on.
type stamps struct {
	zone   *meter.Zone
	window meter.Window
	texts  []string // by slot from window.From
	slots  map[string]meter.Slot
}

func newStamps(zone *meter.Zone, w meter.Window) *stamps {
	s := &stamps{zone: zone, window: w, slots: make(map[string]meter.Slot, w.Points())}
	for i := range w.Points() {
		slot := w.From + meter.Slot(i)
		text := zone.Stamp(slot)
		s.texts = append(s.texts, text)
		s.slots[text] = slot
	}
	return s
}

func (s *stamps) text(slot meter.Slot) string {
	if s.window.Contains(slot) {
		return s.texts[slot-s.window.From]
	}
	return s.zone.Stamp(slot)
}

// slot reads a timestamp. The one that follows the row before is tried first: that
// is what nearly every row has.
func (s *stamps) slot(before meter.Slot, text []byte) (meter.Slot, error) {
	if next := before + 1; s.window.Contains(next) && s.texts[next-s.window.From] == string(text) {
		return next, nil
	}
	if slot, ok := s.slots[string(text)]; ok {
		return slot, nil
	}
	return s.zone.ParseSlot("timestamp", string(text))
}

// stampTables keeps the timestamps of the periods that are asked for most: those of
// a month take as long to write as to read one meter's rows.
type stampTables struct {
	mu     sync.Mutex // guards tables
	tables map[meter.Window]*stamps
}

// stampTablesMax bounds the memory: a month takes some 150 KB.
const stampTablesMax = 32

func (t *stampTables) of(zone *meter.Zone, w meter.Window) *stamps {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s, known := t.tables[w]; known {
		return s
	}
	if t.tables == nil || len(t.tables) == stampTablesMax {
		t.tables = make(map[meter.Window]*stamps)
	}
	s := newStamps(zone, w)
	t.tables[w] = s
	return s
}

// stampsOf returns the timestamps of the period that a file is of.
func (f *Folder) stampsOf(name string) *stamps {
	period, ok := PeriodOf(name)
	if !ok {
		return f.stamps.of(f.zone, meter.Window{From: 1})
	}
	return f.stamps.of(f.zone, period.Window(f.zone).Rows())
}
