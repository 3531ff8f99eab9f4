package archive

import "meterledger/internal/meter"

// stamps translates between slots and timestamps. The half hours of the file's
// period, nearly all that occur, are written once and looked up from then on.
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

func (s *stamps) slot(text []byte) (meter.Slot, error) {
	if slot, ok := s.slots[string(text)]; ok {
		return slot, nil
	}
	return s.zone.ParseSlot("timestamp", string(text))
}
