package pages

import (
	"net/http"
	"slices"

	"meterledger/internal/billing"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

type billRequest struct {
	Meter meter.ID    `path:"meter_id"`
	Month meter.Month `path:"month"`
}

// billView is the bill of a month.
type billView struct {
	Meter meter.ID
	Month string
	billFigures
	States         []billState
	Before, After  *httpkit.Link // to the bills around it; nil if there are none
	Revision       int
	RevisedAt      moment
	Previous       *billFigures // what it said before; nil in its first revision
	Difference     string       // to that; empty if it cannot be told
	Usage, CSV     string       // the paths of the month's days and of its readings
	Completeness   string
	IsBilledBefore bool // it opens where the bill before it closed
}

// billFigures are what a bill says, for a page.
type billFigures struct {
	KWh        string // empty if there is but one register, as are those that follow
	From, To   moment
	Start, End string // registers, kWh
	Lines      []billLine
	Changes    []changeView
	Readings   string
}

// billLine is the part of a bill that one dial counted.
type billLine struct {
	Serial     string // empty if it is not known
	From, To   moment
	Start, End string // registers, kWh
	KWh        string
}

// bill shows the bill of a month.
func (s *site) bill(w http.ResponseWriter, r *http.Request, q *billRequest) error {
	reader := s.readerOf(r)
	bill, err := reader.Bill(q.Meter, q.Month)
	if err != nil {
		return err
	}
	all, err := reader.Bills(q.Meter)
	if err != nil {
		return err
	}
	month := s.zone.MonthWindow(q.Month)
	view := billView{
		Meter: q.Meter, Month: monthName(q.Month), billFigures: s.billFigures(bill.Figures), States: billStates(bill), Revision: bill.Revision,
		Completeness: readingsOf(bill.Figures),
		Usage:        usagePath(q.Meter, periodAround(aMonth, q.Month.FirstDay()), ""), CSV: csvPath(q.Meter, month, s.zone),
	}
	if before := bill.Previous; before != nil {
		view.RevisedAt, view.Previous = s.instant(bill.RevisedAt), new(s.billFigures(*before))
		if !before.IsUnknown && !bill.IsUnknown {
			view.Difference = moreOrLess(meter.Energy{Decimal: bill.Consumption().Sub(before.Consumption().Decimal)}, "")
		}
	}
	place := slices.IndexFunc(all, func(b billing.Bill) bool { return b.Month == q.Month })
	if place > 0 {
		view.Before = billLink(q.Meter, all[place-1].Month)
		view.IsBilledBefore = all[place-1].End == bill.Start
	}
	if place >= 0 && place+1 < len(all) {
		view.After = billLink(q.Meter, all[place+1].Month)
	}
	return s.show(w, r, household(q.Meter, "Bill of "+view.Month, "/bills"), "bill", view)
}

func billLink(id meter.ID, month meter.Month) *httpkit.Link {
	return &httpkit.Link{Href: billPath(id, month), Text: monthName(month)}
}

// billPath is the path of the page of a bill.
func billPath(id meter.ID, month meter.Month) string {
	return meterPath(id) + "/bills/" + month.String()
}

func (s *site) billFigures(f billing.Figures) billFigures {
	view := billFigures{Readings: grouped(f.Readings)}
	if f.IsUnknown {
		return view
	}
	view.KWh, view.From, view.To = f.Consumption().String(), s.moment(f.Start.Slot), s.moment(f.End.Slot)
	view.Start, view.End = f.Start.Register.String(), f.End.Register.String()
	for _, line := range f.Lines() {
		view.Lines = append(view.Lines, billLine{
			line.Serial, s.instant(s.zone.TimeOf(line.Start.At)), s.instant(s.zone.TimeOf(line.End.At)),
			line.Start.Register.String(), line.End.Register.String(), line.Energy.String(),
		})
	}
	view.Changes = s.changes(f.Changes)
	return view
}

// readingsOf says how many readings of its month a bill knows.
func readingsOf(f billing.Figures) string {
	if f.Complete() {
		return "All " + count(f.Expected, "reading") + " of the month are there."
	}
	return "Of " + count(f.Expected, "reading") + " of the month, " + are(f.Expected-f.Readings) + " missing."
}
