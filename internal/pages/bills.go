package pages

import (
	"net/http"
	"slices"

	"meterledger/internal/billing"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// billsView lists a meter's bills.
type billsView struct {
	Meter   meter.ID
	Bills   []billRow     // the latest first
	Present *httpkit.Link // to what was used since the last of them; nil if that may not be seen
}

// billRow is a bill, or that a month between two bills has none.
type billRow struct {
	Month  string
	Href   string // empty if there is none
	States []billState
	billFigures
}

// billState is something that one should know of a bill.
type billState struct{ Class, Text string }

// bills lists a meter's bills.
func (s *site) bills(w http.ResponseWriter, r *http.Request, q *meterRequest) error {
	h, err := s.homeOf(r, q.Meter)
	if err != nil {
		return err
	}
	all, err := h.reader.Bills(q.Meter)
	if err != nil {
		return err
	}
	view := billsView{Meter: q.Meter, Bills: s.billRows(q.Meter, all)}
	if present := periodAround(aMonth, s.zone.Today(s.Reader.Now())); h.isOpen {
		view.Present = &httpkit.Link{Href: usagePath(q.Meter, present, ""), Text: present.String() + " so far"}
	}
	return s.show(w, r, household(q.Meter, "Bills", "/bills"), "bills", view)
}

func (s *site) billRows(id meter.ID, all []billing.Bill) (rows []billRow) {
	for i, bill := range slices.Backward(all) {
		rows = append(rows, billRow{monthName(bill.Month), billPath(id, bill.Month), billStates(bill), s.billFigures(bill.Figures)})
		for month := bill.Month.Add(-1); i > 0 && all[i-1].Month.Before(month); month = month.Add(-1) {
			rows = append(rows, billRow{Month: monthName(month), States: []billState{{"", "No bill: the next covers it"}}})
		}
	}
	return rows
}

// billStates says what state a bill is in.
func billStates(b billing.Bill) (states []billState) {
	if b.Revision > 1 {
		states = append(states, billState{"", "Revised"})
	}
	switch {
	case b.IsUnknown:
		states = append(states, billState{"warn", "Not known"})
	case b.Complete():
		states = append(states, billState{"good", "Complete"})
	default:
		states = append(states, billState{"warn", "Incomplete"})
	}
	return states
}
