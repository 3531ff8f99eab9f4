package pages

import (
	"net/http"
	"net/url"
	"strconv"

	"meterledger/api"
	"meterledger/internal/meter"
)

// lifeView is what is known of a meter apart from its readings.
type lifeView struct {
	api.Meter

	RegisteredAt, First, Last *moment // nil if there is none
	MaxKW                     string
	Dials                     []dialRow
	Changes                   []changeRow

	Corrections                       []correctionRow
	FirstCorrections, MoreCorrections string // hrefs; empty on the first page and the last
}

// dialRow is a meter that was in the place that the id names.
type dialRow struct {
	Serial   *string
	From, To *moment // nil of the first and of the present one
}

type changeRow struct {
	api.MeterChange
	At        moment
	EnteredAt *moment
}

type correctionRow struct {
	api.PastCorrection
	Of, At moment
}

// life returns what is known of a meter, without its corrections.
func (s *site) life(r *http.Request, id meter.ID) (lifeView, error) {
	known, err := ask[api.Meter](s, r, apiMeterPath(id), nil)
	view := lifeView{Meter: known, RegisteredAt: momentIf(known.RegisteredAt), First: momentIf(known.FirstTime), Last: momentIf(known.LastTime)}
	if known.MaxKW != nil {
		view.MaxKW = meter.Register(*known.MaxKW).String()
	}
	for _, of := range known.Serials {
		view.Dials = append(view.Dials, dialRow{of.Serial, momentIf(of.From), momentIf(of.To)})
	}
	for _, c := range known.RegisterChanges {
		view.Changes = append(view.Changes, changeRow{c, momentOf(c.At), momentIf(c.EnteredAt)})
	}
	return view, err
}

// addCorrections adds a page of what was ever corrected: the first, or that of a cursor. It stands on
// the page at here; what asks for another one of the list follows more.
func (s *site) addCorrections(r *http.Request, view *lifeView, cursor, here, more string) error {
	page := url.Values{"page_size": {strconv.Itoa(linesMax)}}
	if cursor != "" {
		page.Set("cursor", cursor)
		view.FirstCorrections = here + "#corrections"
	}
	history, err := ask[api.History](s, r, apiMeterPath(view.MeterID)+"/history", page)
	for _, c := range history.Results {
		view.Corrections = append(view.Corrections, correctionRow{c, momentOf(c.Timestamp), momentOf(c.At)})
	}
	if history.Next != nil {
		view.MoreCorrections = more + "corrections=" + url.QueryEscape(*history.Next) + "#corrections"
	}
	return err
}
