package pages

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"meterledger/api"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// search is what a page's form asks of the list of meters, and what was found. The form's fields
// have the names of the api's parameters.
type search struct {
	Path           string // of the page
	Begins, Silent string
	Month          string // that the page is about; empty if it is about none
	Silences       []option
	IsNarrowed     bool
	First, Next    string // hrefs of the first page and of the next; empty on the page itself, and on the last
	Found          []api.MeterState

	cursor string
}

// silences are how long meters may have sent nothing, as the form offers it. The api takes any number of minutes, hours and days.
var silences = []option{{"", "All meters"}, {"2h", "Silent for 2 hours"}, {"24h", "Silent for a day"}, {"7d", "Silent for a week"}, {"30d", "Silent for 30 days"}}

// search asks the api for a page of the meters that a form asks for. A field that is left empty is
// not given. The page may be about a month, else month is the zero value. Whatever else is given, the
// api judges.
func (s *site) search(r *http.Request, pageSize int, month meter.Month) (found search, err error) {
	given, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return found, meter.Invalid(meter.CodeInvalidParameter, "", "the query is not percent-encoded as parameters must be")
	}
	for i, beginning := range given["begins_with"] {
		given["begins_with"][i] = strings.TrimSpace(beginning)
	}
	maps.DeleteFunc(given, func(_ string, values []string) bool { return slices.Equal(values, []string{""}) })
	found = search{
		Path: r.URL.Path, Begins: given.Get("begins_with"), Silent: given.Get("stale_for"), cursor: given.Get("cursor"), Silences: silences,
	}
	found.IsNarrowed = found.Begins+found.Silent+found.cursor != ""
	if !slices.ContainsFunc(silences, func(offered option) bool { return offered.Value == found.Silent }) {
		found.Silences = append(slices.Clone(silences), option{found.Silent, "Silent for " + found.Silent})
	}
	if month != (meter.Month{}) {
		found.Month = month.String()
		if len(given["month"]) == 1 {
			given.Del("month")
		}
	}
	given.Add("page_size", strconv.Itoa(pageSize))
	list, err := ask[api.Meters](s, r, "/meters", given)
	if err != nil {
		return found, err
	}
	found.Found = list.Results
	if found.cursor != "" {
		found.First = found.href(found.Month, "")
	}
	if list.Next != nil {
		found.Next = found.href(found.Month, *list.Next)
	}
	return found, nil
}

// href returns the page of the same search that is about a month and begins with a cursor.
func (f *search) href(month, cursor string) string {
	parameters := make(url.Values)
	for name, value := range map[string]string{"begins_with": f.Begins, "stale_for": f.Silent, "month": month, "cursor": cursor} {
		if value != "" {
			parameters.Set(name, value)
		}
	}
	if len(parameters) == 0 {
		return f.Path
	}
	return f.Path + "?" + parameters.Encode()
}

// metersView is a page of the meters.
type metersView struct {
	search
	Meters []meterRow
}

type meterRow struct {
	ID           meter.ID
	Href         string
	Last         *moment // nil if it has never reported
	Ago          string
	Register     string
	RegisteredAt moment
}

// meters lists meters with their latest readings.
func (s *site) meters(w http.ResponseWriter, r *http.Request) error {
	found, err := s.search(r, linesMax, meter.Month{})
	if err != nil {
		return err
	}
	view := metersView{search: found}
	for _, m := range found.Found {
		row := meterRow{ID: m.MeterID, Href: staffMonthPath(m.MeterID, s.thisMonth()), RegisteredAt: momentOf(m.RegisteredAt)}
		if m.LastTime != nil {
			slot, err := s.zone.ParseSlot("last_time", *m.LastTime)
			if err != nil {
				return err
			}
			row.Last, row.Register = momentIf(m.LastTime), m.LastReading.String()
			row.Ago = s.ago(slot)
		}
		view.Meters = append(view.Meters, row)
	}
	return s.show(w, r, metersFrame("Meters", "/meters"), "staff meters", view)
}

// metersFrame is the frame of a page about meters.
func metersFrame(title, here string) httpkit.Frame {
	f := staff(title, here)
	f.Styles = []string{assets.Path("staff.css"), assets.Path("meters.css")}
	return f
}
