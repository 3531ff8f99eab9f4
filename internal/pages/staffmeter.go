package pages

import (
	"net/http"
	"net/url"
	"strconv"

	"meterledger/api"
	"meterledger/internal/meter"
)

type staffMeterRequest struct {
	Meter       meter.ID    `path:"meter_id"`
	Month       meter.Month `param:"month"`
	Day         meter.Day   `param:"day"`         // whose readings are shown
	Corrections string      `param:"corrections"` // the cursor of a page of them
}

// staffMeterView is what operators see of a meter.
type staffMeterView struct {
	api.Meter

	RegisteredAt, First, Last *moment // nil if there is none
	LastAgo                   string
	MaxKW                     string
	Dials                     []dialRow
	Changes                   []changeRow
	Household                 string // href
	Retake                    string // href; empty for those who may change nothing

	Month monthOfMeter
	Day   *dayOfMeter // nil if none is chosen

	Exceptions     []exceptionRow
	AllExceptions  string // href
	MoreExceptions bool   // than those that are shown

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

// staffMeter shows what is known of a meter, what it lacks of a month, and what it sent on a day.
func (s *site) staffMeter(w http.ResponseWriter, r *http.Request, q *staffMeterRequest) error {
	known, err := ask[api.Meter](s, r, apiMeterPath(q.Meter), nil)
	if err != nil {
		return err
	}
	view := newStaffMeterView(known)
	if err := s.complete(q, &view); err != nil {
		return err
	}
	reader := s.readerOf(r)
	if view.Month, err = s.monthOfMeter(reader, q.Meter, q.Month); err != nil {
		return err
	}
	if view.Day, err = s.dayOfMeter(reader, q, isOperator(r)); err != nil {
		return err
	}
	if err := s.addExceptions(r, q, &view); err != nil {
		return err
	}
	if err := s.addCorrections(r, q, &view); err != nil {
		return err
	}
	if isOperator(r) {
		view.Retake = actionPath("retake", staffMeterPath(q.Meter, q.Month), "meter_id", string(q.Meter))
	}
	return s.show(w, r, metersFrame("Meter "+string(q.Meter), "/meters"), "staff meter", view)
}

func newStaffMeterView(known api.Meter) staffMeterView {
	view := staffMeterView{
		Meter: known, Household: meterPath(known.MeterID), RegisteredAt: momentIf(known.RegisteredAt), First: momentIf(known.FirstTime), Last: momentIf(known.LastTime),
	}
	if known.MaxKW != nil {
		view.MaxKW = meter.Register(*known.MaxKW).String()
	}
	for _, of := range known.Serials {
		view.Dials = append(view.Dials, dialRow{of.Serial, momentIf(of.From), momentIf(of.To)})
	}
	for _, c := range known.RegisterChanges {
		view.Changes = append(view.Changes, changeRow{c, momentOf(c.At), momentIf(c.EnteredAt)})
	}
	return view
}

// complete fills in what is asked for: the month of the day, or else the present one, and the day of
// the last reading if that lies in the month.
func (s *site) complete(q *staffMeterRequest, view *staffMeterView) (err error) {
	if q.Day != (meter.Day{}) && q.Day.Year < meter.EarliestYear {
		return meter.Invalid(meter.CodeInvalidParameter, "day", "must not be before the year %d", meter.EarliestYear)
	}
	if q.Month == (meter.Month{}) && q.Day != (meter.Day{}) {
		q.Month = q.Day.CalendarMonth()
	}
	if q.Month, err = s.monthOr(q.Month); err != nil || view.Last == nil {
		return err
	}
	last, err := s.zone.ParseSlot("last_time", view.Last.Stamp)
	if err != nil {
		return err
	}
	view.LastAgo = s.ago(last)
	if day := s.zone.DayOf(last); q.Day == (meter.Day{}) && day.CalendarMonth() == q.Month {
		q.Day = day
	}
	return nil
}

// ago says how long ago a slot was.
func (s *site) ago(slot meter.Slot) string { return ago(s.Reader.Now().Sub(s.zone.Time(slot))) }

// The most exceptions and corrections on a page of a meter.
const (
	exceptionsTogether  = 50
	correctionsTogether = 50
)

// addExceptions adds what was found in the month.
func (s *site) addExceptions(r *http.Request, q *staffMeterRequest, view *staffMeterView) error {
	of := url.Values{"meter_id": {string(q.Meter)}, "status": {"all"}}
	view.AllExceptions = "/ui/operator/exceptions?" + of.Encode()
	if s.thisMonth().Before(q.Month) { // the api refuses a month that is yet to come
		return nil
	}
	of.Set("month", q.Month.String())
	of.Set("page_size", strconv.Itoa(exceptionsTogether))
	found, err := ask[api.Exceptions](s, r, "/exceptions", of)
	for _, e := range found.Results {
		view.Exceptions = append(view.Exceptions, exceptionRowOf(e, staffMeterPath(q.Meter, q.Month)))
	}
	view.MoreExceptions = found.Next != nil
	return err
}

// addCorrections adds a page of what was ever corrected.
func (s *site) addCorrections(r *http.Request, q *staffMeterRequest, view *staffMeterView) error {
	page := url.Values{"page_size": {strconv.Itoa(correctionsTogether)}}
	here := staffMeterPath(q.Meter, q.Month)
	if q.Corrections != "" {
		page.Set("cursor", q.Corrections)
		view.FirstCorrections = here + "#corrections"
	}
	history, err := ask[api.History](s, r, apiMeterPath(q.Meter)+"/history", page)
	for _, c := range history.Results {
		view.Corrections = append(view.Corrections, correctionRow{c, momentOf(c.Timestamp), momentOf(c.At)})
	}
	if history.Next != nil {
		view.MoreCorrections = here + "&corrections=" + url.QueryEscape(*history.Next) + "#corrections"
	}
	return err
}

// apiMeterPath is the path of a meter in the api.
func apiMeterPath(id meter.ID) string { return "/meters/" + url.PathEscape(string(id)) }
