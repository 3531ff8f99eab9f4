package pages

import (
	"errors"
	"net/http"
	"net/url"

	"meterledger/api"
	"meterledger/internal/meter"
)

// exceptionView is an exception with the readings around it.
type exceptionView struct {
	exceptionRow

	Readings []readingRow
	Retake   string // the page that has the meter's refused readings judged again; empty if that helps nothing
}

func (s *site) resolveForm(r *http.Request, known url.Values) (form, error) {
	e, err := s.findException(r, known)
	if err != nil {
		return form{}, err
	}
	view := exceptionView{exceptionRow: exceptionRowOf(e, "")}
	here := actionPath("resolve", known.Get("back"), "meter_id", string(e.MeterID), "rule", e.Rule, "from", e.From)
	if e.Rule == meter.RuleDecreasing.String() {
		view.Retake = actionPath("retake", here, "meter_id", string(e.MeterID))
	}
	from, errFrom := s.zone.ParseBound("from", e.From)
	to, errTo := s.zone.ParseBound("to", e.To)
	if err := errors.Join(errFrom, errTo); err != nil {
		return form{}, err
	}
	if view.Readings, err = s.readingsAround(r, e.MeterID, meter.Slot(from), meter.Slot(to), here); err != nil {
		return form{}, err
	}
	about, err := part("exception", view)
	verdict := field{Name: "verdict", Label: "Verdict", Type: "choice", Value: known.Get("verdict"), IsRequired: true, Options: []option{
		{meter.AsItIs.String(), "Accepted: it is as it should be, or cannot be mended"},
		{meter.PutRight.String(), "Corrected: something was wrong, and was mended"},
	}}
	fields := append(hidden(known, "meter_id", "rule", "from"), verdict)
	return form{About: about, Fields: s.signed(fields, known), Button: "Resolve it"}, err
}

func askResolve(known url.Values) (request, error) {
	return request{path: "/exceptions/resolve", parameters: given(known, "meter_id", "rule", "from", "verdict", "reason", "by")}, nil
}

// findException returns the exception that a query names.
func (s *site) findException(r *http.Request, known url.Values) (api.Exception, error) {
	for _, name := range []string{"meter_id", "rule", "from"} {
		if known.Get(name) == "" {
			return api.Exception{}, meter.Invalid(meter.CodeInvalidParameter, name, "is missing")
		}
	}
	asked := given(known, "meter_id", "rule")
	asked.Set("status", "all")
	for {
		page, err := ask[api.Exceptions](s, r, "/exceptions", asked)
		if err != nil {
			return api.Exception{}, err
		}
		for _, e := range page.Results {
			if e.From == known.Get("from") {
				return e, nil
			}
		}
		if page.Next == nil {
			return api.Exception{}, meter.NotFound(meter.CodeNotFound, "there is no such exception")
		}
		asked.Set("cursor", *page.Next)
	}
}
