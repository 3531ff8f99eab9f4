package pages

import (
	"meterledger/internal/httpkit"
)

// patternsView is what stands out in a month or a year.
type patternsView struct {
	Heat     *heatView // of a month
	Extremes extremesView
	Nights   nightsView
	Zoom     string // of a year: where its half hours are asked for
}

// patterns looks for what stands out in a month or a year; of other periods it returns nil.
func (s *site) patterns(h home, p period) (*patternsView, error) {
	if p.by != aMonth && p.by != aYear || h.part(p.window(s.zone)).Points() < 2 {
		return nil, nil
	}
	var view patternsView
	var err error
	if p.by == aMonth {
		heat, err := s.heat(h, p.first.CalendarMonth())
		if err != nil {
			return nil, err
		}
		view.Heat = &heat
	} else {
		view.Zoom = s.zoom(h, p.window(s.zone))
	}
	if view.Extremes, err = s.extremes(h, p.window(s.zone)); err != nil {
		return nil, err
	}
	view.Nights, err = s.nights(h, p)
	return &view, err
}

// within adds to a frame what the patterns need to be shown.
func (v *patternsView) within(f httpkit.Frame) httpkit.Frame {
	if v == nil {
		return f
	}
	f.Styles = append(f.Styles, assets.Path("patterns.css"))
	if v.Zoom != "" {
		f.Styles = append(f.Styles, assets.Path("uPlot.css"))
		f.Modules = append(f.Modules, assets.Path("zoom.js"))
	}
	return f
}
