package pages

import (
	"cmp"
	"fmt"
	"iter"
	"net/http"
	"slices"

	"meterledger/api"
	"meterledger/internal/closing"
	"meterledger/internal/meter"
)

type archivesRequest struct {
	Month meter.Month `param:"month"` // whose days are shown; none for a list of all months
}

// archives shows what is archived: all months, or the days of one.
func (s *site) archives(w http.ResponseWriter, r *http.Request, q *archivesRequest) error {
	status, err := ask[api.MaintenanceStatus](s, r, "/maintenance/status", nil)
	if err != nil {
		return err
	}
	f := staff("Archives", "/archives")
	f.Styles = []string{assets.Path("staff.css")}
	months, today := archivedMonths(status), s.zone.Today(s.Reader.Now())
	if q.Month == (meter.Month{}) {
		return s.show(w, r, f, "archives", monthsView(months, today, isOperator(r)))
	}
	f.Title = "Archives of " + monthName(q.Month)
	return s.show(w, r, f, "archives of a month", daysView(months[q.Month], q.Month, today, isOperator(r)))
}

// archivedMonth is what is known of the archives of a month: its own, and those of its days.
type archivedMonth struct {
	archives map[meter.Period]*api.ArchiveListing
	due      map[meter.Period]closing.DueReason
}

func archivedMonths(status api.MaintenanceStatus) map[meter.Month]archivedMonth {
	months := make(map[meter.Month]archivedMonth)
	of := func(name string) (meter.Period, archivedMonth) {
		p, _ := meter.ParsePeriod(name) // the api wrote it
		if _, known := months[p.CalendarMonth()]; !known {
			months[p.CalendarMonth()] = archivedMonth{make(map[meter.Period]*api.ArchiveListing), make(map[meter.Period]closing.DueReason)}
		}
		return p, months[p.CalendarMonth()]
	}
	for n, listing := range status.Archives {
		p, month := of(listing.Period)
		month.archives[p] = &status.Archives[n]
	}
	for _, due := range status.Due {
		p, month := of(due.Period)
		month.due[p] = closing.DueReason(due.Reason)
	}
	return months
}

// archiveRow is an archive, or a period that has none.
type archiveRow struct {
	Name  string
	Month string // whose days can be shown; empty for a day
	Days  string // of a month, how many of those that are over are archived, and due
	State archiveState
	Due   string // the period, if a run should archive it and who asks may start one
	*api.ArchiveListing
}

// Size returns how large the file is, if that is known.
func (a archiveRow) Size() string {
	if a.Bytes == nil {
		return unknown
	}
	return size(float64(*a.Bytes))
}

// Count returns how many rows the file has.
func (a archiveRow) Count() string { return grouped(int(a.Rows)) }

// Written returns when the file was written.
func (a archiveRow) Written() moment { return momentOf(a.WrittenAt) }

func (m archivedMonth) row(p meter.Period, name string, today meter.Day, mayRun bool) archiveRow {
	row := archiveRow{Name: name, ArchiveListing: m.archives[p]}
	reason, isDue := m.due[p]
	if isDue && mayRun {
		row.Due = p.String()
	}
	switch {
	case row.ArchiveListing != nil && closing.ListingState(row.ArchiveListing.State) != closing.ArchiveBehind:
		row.State = archiveStates[closing.ListingState(row.ArchiveListing.State)]
	case isDue:
		row.State = archiveState{"warn", dueWords[reason]}
	case today.Before(p.Add(1).FirstDay()):
		row.State = archiveState{"", "Not over yet"}
	case !p.IsMonth() && m.archives[p.CalendarMonth().Period()] != nil:
		row.State = archiveState{"", "In the archive of its month"}
	default:
		row.State = archiveState{"", "No archive"}
	}
	return row
}

// archiveState says whether an archive is as it should be.
type archiveState struct{ Class, Text string }

var archiveStates = map[closing.ListingState]archiveState{
	closing.ArchiveGood:      {"good", "As it was written"},
	closing.ArchiveMissing:   {"bad", "The file is missing"},
	closing.ArchiveChanged:   {"bad", "The file has another size than was written"},
	closing.ManifestMissing:  {"warn", "Its description is missing: the next run writes it"},
	closing.ManifestDisagree: {"bad", "Its description is of another file"},
}

var dueWords = map[closing.DueReason]string{
	closing.NeverArchived: "Not archived yet",
	closing.WrittenEarly:  "Written before it was over",
	closing.RowsSince:     "Readings came since it was written",
	closing.FileMissing:   "The file is missing",
}

// archivesView is a list of archives.
type archivesView struct {
	Of     *archiveRow // the month whose days these are; nil for all months
	Rows   []archiveRow
	MayRun bool // who asks may start runs
}

// monthsView lists all months of which something is known, the newest first.
func monthsView(months map[meter.Month]archivedMonth, today meter.Day, mayRun bool) archivesView {
	view := archivesView{MayRun: mayRun}
	for name, month := range months {
		view.Rows = append(view.Rows, month.whole(name, today, mayRun))
	}
	slices.SortFunc(view.Rows, func(a, b archiveRow) int { return -cmp.Compare(a.Month, b.Month) })
	return view
}

// daysView lists the days of a month until today.
func daysView(month archivedMonth, name meter.Month, today meter.Day, mayRun bool) archivesView {
	whole := month.whole(name, today, mayRun)
	view := archivesView{Of: &whole, MayRun: mayRun}
	for day := range daysUntil(name, today) {
		view.Rows = append(view.Rows, month.row(day.Period(), dayName(day), today, mayRun))
	}
	return view
}

// whole is the row of the month itself.
func (m archivedMonth) whole(name meter.Month, today meter.Day, mayRun bool) archiveRow {
	row := m.row(name.Period(), monthName(name), today, mayRun)
	archived, due, days := 0, 0, 0
	for day := range daysUntil(name, today.AddDays(-1)) {
		days++
		if m.archives[day.Period()] != nil {
			archived++
		}
		if _, isDue := m.due[day.Period()]; isDue {
			due++
		}
	}
	row.Month, row.Days = name.String(), fmt.Sprintf("%d of %d", archived, days)
	if due > 0 {
		row.Days += fmt.Sprintf(", %d due", due)
	}
	return row
}

// daysUntil yields the days of a month up to a last one.
func daysUntil(month meter.Month, last meter.Day) iter.Seq[meter.Day] {
	return func(yield func(meter.Day) bool) {
		for day := month.FirstDay(); day.CalendarMonth() == month && !last.Before(day) && yield(day); {
			day = day.AddDays(1)
		}
	}
}
