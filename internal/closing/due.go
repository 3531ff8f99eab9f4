package closing

import (
	"slices"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Due is a period that has ended and that a run should archive, again or for the first time.
type Due struct {
	Period meter.Period
	Reason DueReason
}

// DueReason is why a period is due.
type DueReason string

// The reasons.
const (
	NeverArchived DueReason = "never_archived" // and it has readings
	WrittenEarly  DueReason = "written_early"  // before it ended
	RowsSince     DueReason = "rows_since"     // readings of it came since it was archived
	FileMissing   DueReason = "file_missing"   // of a day whose month has no file either
)

// dayBackMax is how many days back the api looks for days that have readings and were never
// archived. The files of their months will have them, and an import of years must not write a file a day.
const dayBackMax = 62

// due lists the periods that are due, in order of time, days before months.
func (rs *Runs) due(archives []Listing) []Due {
	today := rs.today()
	return append(rs.dueDays(today, archives), rs.dueMonthsUntil(today.CalendarMonth())...)
}

func (rs *Runs) today() meter.Day { return rs.zone.Today(rs.now()) }

// dueDays looks for missing files only among archives, of which the first are the days.
func (rs *Runs) dueDays(today meter.Day, archives []Listing) (due []Due) {
	archived := rs.store.Days()
	for n, d := range archived {
		w := d.Day.Period().Window(rs.zone)
		_, isClosed := rs.store.Month(w.From)
		switch {
		case !d.Day.Before(today):
		case d.WrittenAt.Before(rs.zone.Time(w.To)):
			due = append(due, Due{d.Day.Period(), WrittenEarly})
		case rs.store.CameSince(w.Rows(), d.Arrivals):
			due = append(due, Due{d.Day.Period(), RowsSince})
		case n < len(archives) && archives[n].Period == d.Day.Period() && archives[n].State == ArchiveMissing && !isClosed:
			due = append(due, Due{d.Day.Period(), FileMissing})
		}
	}
	for day := today.AddDays(-dayBackMax); day.Before(today); day = day.AddDays(1) {
		_, isArchived := slices.BinarySearchFunc(archived, day, func(d store.DayArchive, day meter.Day) int { return d.Day.Compare(day) })
		w := day.Period().Window(rs.zone).Rows()
		if _, isClosed := rs.store.Month(w.From); !isArchived && !isClosed && rs.store.CameSince(w, 0) {
			due = append(due, Due{day.Period(), NeverArchived})
		}
	}
	sortDue(due)
	return due
}

func sortDue(due []Due) {
	slices.SortFunc(due, func(a, b Due) int { return a.Period.Compare(b.Period) })
}

func (rs *Runs) dueMonthsUntil(present meter.Month) (due []Due) {
	for _, month := range rs.store.LateMonths() {
		due = append(due, Due{month.Period(), RowsSince})
	}
	first, some := rs.store.FirstArrival()
	if !some {
		return due
	}
	for month := rs.zone.DayOf(first).CalendarMonth(); month.Before(present); month = month.Add(1) {
		w := rs.zone.MonthWindow(month).Rows()
		if _, isClosed := rs.store.Month(w.From); !isClosed && rs.store.CameSince(w, 0) {
			due = append(due, Due{month.Period(), NeverArchived})
		}
	}
	sortDue(due)
	return due
}
