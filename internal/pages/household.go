package pages

import (
	"net/http"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/query"
)

// readerOf returns a reader of what the caller of a request may ask about.
func (s *site) readerOf(r *http.Request) *query.Reader {
	return s.Reader.Within(&httpkit.CallerOf(r.Context()).Scope)
}

// household is the frame of a page about a meter, as who lives behind it sees it.
func household(id meter.ID, title, here string) httpkit.Frame {
	of := meterPath(id)
	return httpkit.Frame{Title: title, Here: of + here, Styles: []string{assets.Path("energy.css")}, Nav: []httpkit.Link{
		{Href: of, Text: "Today"}, {Href: of + "/usage", Text: "Usage"}, {Href: of + "/bills", Text: "Bills"}, {Href: of + "/about", Text: "My data"},
	}}
}
