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
	lifeView
	LastAgo   string
	Household string // href
	Retake    string // href; empty for those who may change nothing

	Month monthOfMeter
	Day   *dayOfMeter // nil if none is chosen

	Exceptions     []exceptionRow
	AllExceptions  string // href
	MoreExceptions bool   // than those that are shown
}

// staffMeter shows what is known of a meter, what it lacks of a month, and what it sent on a day.
func (s *site) staffMeter(w http.ResponseWriter, r *http.Request, q *staffMeterRequest) error {
	life, err := s.life(r, q.Meter)
	if err != nil {
		return err
	}
	view := staffMeterView{lifeView: life, Household: meterPath(q.Meter)}
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
	here := staffMonthPath(q.Meter, q.Month)
	if err := s.addCorrections(r, &view.lifeView, q.Corrections, here, here+"&"); err != nil {
		return err
	}
	if isOperator(r) {
		view.Retake = actionPath("retake", staffMonthPath(q.Meter, q.Month), "meter_id", string(q.Meter))
	}
	return s.show(w, r, metersFrame("Meter "+string(q.Meter), "/meters"), "staff meter", view)
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

// addExceptions adds what was found in the month.
func (s *site) addExceptions(r *http.Request, q *staffMeterRequest, view *staffMeterView) error {
	of := url.Values{"meter_id": {string(q.Meter)}, "status": {"all"}}
	view.AllExceptions = "/ui/operator/exceptions?" + of.Encode()
	if s.thisMonth().Before(q.Month) { // the api refuses a month that is yet to come
		return nil
	}
	of.Set("month", q.Month.String())
	of.Set("page_size", strconv.Itoa(linesMax))
	found, err := ask[api.Exceptions](s, r, "/exceptions", of)
	for _, e := range found.Results {
		view.Exceptions = append(view.Exceptions, exceptionRowOf(e, staffMonthPath(q.Meter, q.Month)))
	}
	view.MoreExceptions = found.Next != nil
	return err
}
