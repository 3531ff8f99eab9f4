package closing

import (
	"slices"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
)

// archiveFiles are the files of the archive folder.
type archiveFiles struct {
	months []meter.Month               // the newest first
	days   map[meter.Month][]meter.Day // in order of time
	others []string                    // copies under names of their own
}

func (rs *Runs) findFiles() (archiveFiles, error) {
	found := archiveFiles{days: make(map[meter.Month][]meter.Day)}
	names, err := rs.archive.Files()
	for _, name := range names {
		switch period, ok := archive.PeriodOf(name); {
		case !ok:
			found.others = append(found.others, name)
		case period.IsMonth():
			found.months = append(found.months, period.CalendarMonth())
		default:
			found.days[period.CalendarMonth()] = append(found.days[period.CalendarMonth()], period.FirstDay())
		}
	}
	slices.SortFunc(found.months, func(a, b meter.Month) int { return b.Compare(a) })
	return found, err
}

// loneDays are the days whose month has no file, in order of time.
func (f archiveFiles) loneDays() (lone []meter.Day) {
	for month, days := range f.days {
		if !slices.Contains(f.months, month) {
			lone = append(lone, days...)
		}
	}
	slices.SortFunc(lone, meter.Day.Compare)
	return lone
}

// hintAtArchives tells the operator of archives that the journal does not know, as after
// the loss of a data folder.
func (rs *Runs) hintAtArchives() {
	found, err := rs.findFiles()
	unknown := slices.DeleteFunc(found.months, func(m meter.Month) bool {
		_, known := rs.store.Archived(m.Period())
		return known
	})
	if err != nil || len(unknown) == 0 {
		return
	}
	meters, _ := rs.store.Counts()
	rs.log.Warn("there are archives of months that the data folder knows nothing of; nothing is overwritten: "+
		"register their meters, then POST /restore_data brings the months and their bills back",
		"months", len(unknown), "oldest", unknown[len(unknown)-1], "newest", unknown[0], "meters_registered", meters)
}
