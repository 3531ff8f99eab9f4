package pages

import (
	"errors"
	"net/http"

	"meterledger/internal/meter"
	"meterledger/internal/query"
	"meterledger/internal/vee"
)

// home is a meter as the pages of its household ask about it.
type home struct {
	id     meter.ID
	reader *query.Reader
	known  meter.Window // from its first reading to its last; empty if there is none
	last   meter.Point
	isOpen bool // what comes now may be seen too
}

// homeOf returns a meter as the caller of a request may see it.
func (s *site) homeOf(r *http.Request, id meter.ID) (home, error) {
	h := home{id: id, reader: s.readerOf(r), known: meter.Window{From: 1}}
	m, err := h.reader.Meter(id)
	if h.isOpen = m.Limits != nil; err == nil && m.First != nil && m.Last != nil {
		h.known, h.last = meter.Window{From: m.First.Slot, To: m.Last.Slot}, *m.Last
	}
	return h, err
}

// part returns the part of a window that lies between the meter's first and last reading. Registers
// that are missing within it lie between two known ones, so nothing that is said of it is a forecast.
func (h home) part(w meter.Window) meter.Window {
	return meter.Window{From: max(w.From, h.known.From), To: min(w.To, h.known.To)}
}

// used returns what was used in the part of a window that is known, and nil if nothing is.
func (h home) used(w meter.Window) (*query.Consumption, error) {
	w = h.part(w)
	if w.Points() < 2 {
		return nil, nil
	}
	c, err := h.reader.Consumption(h.id, w, vee.Auto)
	if refused, ok := errors.AsType[*meter.Error](err); ok && refused.Code == meter.CodeNotEnoughReadings {
		return nil, nil
	}
	return &c, err
}

// butForArchives returns nil for an archive that cannot be read now, and else err: a page does without
// what it would only show beside what it is about.
func butForArchives(err error) error {
	if refused, ok := errors.AsType[*meter.Error](err); ok && refused.Code == meter.CodeArchiveUnavailable {
		return nil
	}
	return err
}

// measured is what was used in a part of a period, and how that is known.
type measured struct {
	used     meter.Energy
	register meter.Register // at its end
	source   vee.Source     // vee.Missing if it is not known
	isWhole  bool           // it is neither cut by the first reading nor by the last
	isFull   bool           // every reading of it is there
	changes  meter.Dials
}

// partsMax is more than the most parts that a period has: a day whose clock is put back has 50.
const partsMax = 64

// series returns what was used in each part of a period that is known, by the label of the part.
func (s *site) series(h home, p period) (map[string]*measured, error) {
	page, err := h.reader.Series(h.id, query.SeriesQuery{
		Window: h.part(p.window(s.zone)), Interval: p.interval(), Estimate: vee.Auto, PageSize: partsMax,
	})
	if err != nil {
		return nil, err
	}
	defer page.Release()
	all := make(map[string]*measured, page.Count())
	for b := range page.Buckets() {
		m := &measured{source: b.Source, isWhole: !b.Clipped, isFull: b.Complete, changes: b.Changes()}
		if b.Known() {
			m.used, m.register = b.Energy(), b.End.Register
		}
		all[s.label(p.by, b.Window.From)] = m
	}
	return all, nil
}
