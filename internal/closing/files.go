package closing

import (
	"errors"
	"slices"
	"time"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
)

// archiveFiles are the files of the archive folder.
type archiveFiles struct {
	months []meter.Month               // the newest first
	days   map[meter.Month][]meter.Day // in order of time
	others []string                    // copies under names of their own

	accounts []string // what the accounts are in
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
	if err == nil {
		found.accounts, err = rs.archive.AccountFiles()
	}
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
		"POST /restore_data brings the accounts, the months and their bills back",
		"months", len(unknown), "oldest", unknown[len(unknown)-1], "newest", unknown[0], "meters_registered", meters)
}

// missing returns which of the archives that were written are not in the folder, in the order
// of the listing, and how many there are.
func (rs *Runs) missing() (missing []string, known int, err error) {
	names, err := rs.archive.Files()
	if err != nil {
		return nil, 0, err
	}
	there := make(map[string]bool, len(names))
	for _, name := range names {
		there[name] = true
	}
	look := func(p meter.Period) {
		known++
		if name := archive.Name(p); !there[name] {
			missing = append(missing, name)
		}
	}
	for _, day := range rs.store.Days() {
		look(day.Day.Period())
	}
	for _, month := range rs.store.Months() {
		look(month.Month.Period())
	}
	return missing, known, nil
}

// tellMissing tells the operator of archives that are not there: their disk may not be mounted.
func (rs *Runs) tellMissing() {
	missing, known, err := rs.missing()
	if err != nil {
		rs.log.Error("the archives cannot be looked for", "error", err)
	}
	if len(missing) > 0 {
		rs.log.Error("archives that were written are missing: mount the disk of the archive folder, or put them back; "+
			"until then late readings and questions that need them are answered 503, and while all are missing nothing is archived",
			"missing", len(missing), "known", known, "first", missing[0], "last", missing[len(missing)-1])
	}
}

// checkFolder refuses to write into an archive folder that holds none of the archives that were
// written: its disk is not mounted, unless the operator says that they are lost.
func (rs *Runs) checkFolder(lost bool) error {
	missing, known, err := rs.missing()
	if err != nil || lost || known == 0 || len(missing) < known {
		return err
	}
	for _, name := range missing { // the list of a network file system may be older than what another node wrote
		if _, _, err := rs.archive.Stat(name); !errors.Is(err, archive.ErrMissing) {
			return err
		}
	}
	return meter.Unavailable(meter.CodeArchiveUnavailable, time.Minute,
		"none of the %d archives that were written is in the archive folder: mount its disk, or put them back; if they are lost, start a run with archives=lost", known)
}
