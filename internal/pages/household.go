package pages

import (
	"net/http"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/query"
	"meterledger/internal/vee"
)

// readerOf returns a reader of what the caller of a request may ask about.
func (s *site) readerOf(r *http.Request) *query.Reader {
	return s.Reader.Within(&httpkit.CallerOf(r.Context()).Scope)
}

// household is the frame of a page about a meter, as who lives behind it sees it.
func household(id meter.ID, title, here string) httpkit.Frame {
	of := meterPath(id)
	return httpkit.Frame{Title: title, Here: of + here, Nav: []httpkit.Link{
		{Href: of, Text: "Today"}, {Href: of + "/usage", Text: "Usage"}, {Href: of + "/bills", Text: "Bills"}, {Href: of + "/about", Text: "My data"},
	}}
}

type meterRequest struct {
	Meter meter.ID `path:"meter_id"`
}

// todayView is what a household has used since midnight.
type todayView struct {
	Meter meter.ID
	Used  string // kWh; empty if it is not known
}

func (s *site) today(w http.ResponseWriter, r *http.Request, q *meterRequest) error {
	reader := s.readerOf(r)
	window, err := reader.Window(q.Meter, query.Today, meter.Window{})
	if err != nil {
		return err
	}
	view := todayView{Meter: q.Meter}
	used, err := reader.Consumption(q.Meter, window, vee.None)
	if err == nil {
		view.Used = used.Energy().String()
	}
	return s.show(w, r, household(q.Meter, "Today", ""), "today", view)
}
