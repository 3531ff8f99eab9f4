package pages

import (
	"net/http"
	"net/url"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// nowView is how the nation is metered at this moment.
type nowView struct {
	Refusing  string        // why readings are not taken; empty while they are
	Reception *httpkit.Link // to the action that ends or begins it; nil for who may not
	Period    string        // that the figures are of, such as: the last minute; empty before there are any
	Cards     []card
	Rate      rateView
	Coverage  coverageView
	Refused   []refusalRow
	Routes    []routeRow
}

// now is how the nation is metered at this moment.
func (s *site) now(w http.ResponseWriter, r *http.Request) error {
	reason, why, err := s.refusing(r)
	if err != nil {
		return err
	}
	view := nowView{Refusing: why, Coverage: s.coverageView(s.coverage.count(s.Reader))}
	if isOperator(r) {
		view.Reception = &httpkit.Link{Href: actionsPath + "/shutdown", Text: "Shut reception down"}
		if reason == meter.ReasonShutDown || reason == meter.ReasonClockBehind {
			view.Reception = &httpkit.Link{Href: actionsPath + "/resume", Text: "Resume reception"}
		}
	}
	if counted, marks := s.sampler.lately(); counted.after != nil {
		view.Period = counted.period()
		view.Cards = append(counted.cards(), counted.holdings(s.Reader.Now())...)
		view.Rate = s.rateView(marks)
		view.Refused, view.Routes = counted.refused(), counted.routes()
	}
	f := staff("Now", "")
	f.Styles, f.Modules = []string{assets.Path("staff.css")}, []string{assets.Path("live.js")}
	return s.show(w, r, f, "now", view)
}

// refusing returns why readings are not taken, as the word for it and in words; both are empty while they are.
func (s *site) refusing(r *http.Request) (reason meter.Reason, why string, err error) {
	_, err = s.send(r, http.MethodGet, "/readyz", url.Values{"for": {"readings"}}, "")
	if reason = meter.ReasonOf(err); reason != "" {
		return reason, err.Error(), nil
	}
	return "", "", err
}
