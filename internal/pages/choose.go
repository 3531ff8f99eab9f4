package pages

import (
	"net/http"
	"strings"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/query"
)

type chooseRequest struct {
	Meter string `param:"meter_id"` // as somebody typed it, perhaps with spaces around
}

// meterLink leads to the pages of a meter.
type meterLink struct {
	Href    string
	Meter   meter.ID
	Address string // empty if it is not known to the caller
}

// choose leads to the pages of the meter that is named, and else lets the caller choose one: a
// household of its own.
func (s *site) choose(w http.ResponseWriter, r *http.Request, q *chooseRequest) error {
	caller := httpkit.CallerOf(r.Context())
	switch {
	case q.Meter != "":
		id, err := meter.ParseID(strings.TrimSpace(q.Meter))
		if err != nil {
			return err
		}
		httpkit.Redirect(w, r, meterPath(id))
	case caller.Role == meter.RoleHousehold:
		return s.show(w, r, httpkit.Frame{Title: "Your meters"}, "your meters", s.choices(r, caller.Scope.Meters))
	default:
		return s.show(w, r, httpkit.Frame{Title: "A household"}, "choose a meter", s.examples())
	}
	return nil
}

// choices are meters of a caller. One that is not registered is left out.
func (s *site) choices(r *http.Request, ids []meter.ID) (all []meterLink) {
	reader := s.readerOf(r)
	for _, id := range ids {
		if account, err := reader.Account(id); err == nil {
			all = append(all, meterLink{meterPath(id), id, account.Address})
		}
	}
	return all
}

// examplesMax is how many meters are named to somebody who may see all.
const examplesMax = 5

// examples are the first meters that were registered.
func (s *site) examples() (all []meterLink) {
	for _, m := range s.Reader.Meters(query.MetersQuery{PageSize: examplesMax}).Meters {
		all = append(all, meterLink{Href: meterPath(m.ID), Meter: m.ID})
	}
	return all
}
