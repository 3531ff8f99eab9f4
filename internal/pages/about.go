package pages

import (
	"net/http"

	"meterledger/api"
	"meterledger/internal/meter"
)

type aboutRequest struct {
	Meter       meter.ID `path:"meter_id"`
	Corrections string   `param:"corrections"` // the cursor of a page of them
}

// aboutView is what is known of a household, and what the caller may see of it.
type aboutView struct {
	lifeView
	CSV    string      // the path of all readings; empty if there are none
	Access *accessView // nil with access off
}

// accessView is what a login may see.
type accessView struct {
	api.Caller
	As          string
	Meters      string
	From, Until *moment // nil if there is no bound
}

// about shows what is known of a household.
func (s *site) about(w http.ResponseWriter, r *http.Request, q *aboutRequest) error {
	h, err := s.homeOf(r, q.Meter)
	if err != nil {
		return err
	}
	var view aboutView
	if view.lifeView, err = s.life(r, q.Meter); err != nil {
		return err
	}
	here := meterPath(q.Meter) + "/about"
	if err := s.addCorrections(r, &view.lifeView, q.Corrections, here, here+"?"); err != nil {
		return err
	}
	if h.known.Points() > 0 {
		view.CSV = csvPath(q.Meter, h.known, s.zone)
	}
	if s.Guarded {
		if view.Access, err = s.access(r); err != nil {
			return err
		}
	}
	return s.show(w, r, household(q.Meter, "My data", "/about"), "about", view)
}

// access says as whom the caller is logged in.
func (s *site) access(r *http.Request) (*accessView, error) {
	caller, err := ask[api.Caller](s, r, "/whoami", nil)
	if err != nil {
		return nil, err
	}
	view := &accessView{Caller: caller, As: roleNames[caller.Role], Meters: "this meter", From: momentIf(caller.From), Until: momentIf(caller.Until)}
	switch of := caller.Meters; {
	case of[0] == "*":
		view.Meters = "all meters"
	case len(of) > 1:
		view.Meters = "this meter and " + count(len(of)-1, "other")
	}
	return view, nil
}

var roleNames = map[string]string{"household": "a household", "operator": "an operator", "auditor": "an auditor"}
