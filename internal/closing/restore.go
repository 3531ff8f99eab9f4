package closing

import (
	"errors"
	"fmt"
	"slices"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Restored is what came of putting archives back.
type Restored struct {
	Accounts   int // registered
	Events     int // recorded
	Meters     int // for which readings were added
	Readings   int // added
	Duplicates int // readings that were there already
	Refused    int
	List       []RefusedRow // the first meter.RefusalsMax of the refused
	Unverified []string     // files that are not those of their manifests, and were taken row by row
}

// RefusedRow is a row of an archive file that was not taken, and why.
type RefusedRow struct {
	File string
	Row  int // from 1, the header not counted; 0 for the file as a whole
	Err  error
}

// RestoreArchives reads the CSV files of the archive folder and adds what the store lacks,
// also while reception is shut down. Rows that break a rule are refused one by
// one. It goes on if the caller goes away, and returns when it is done.
func (rs *Runs) RestoreArchives() (Restored, error) {
	var r restorer
	run, err := rs.start(Restore, "all", func(t task) error {
		r.task = t
		return r.all()
	})
	if err != nil {
		return Restored{}, err
	}
	<-run.Done()
	if refused := r.restored.Refused; refused > 0 {
		rs.log.Warn("some rows of the archives were refused and not restored; the answer lists the first of them",
			"refused", refused, "restored", r.restored.Readings, "first", r.restored.List[0].Err)
	}
	return r.restored, run.Err
}

type restorer struct {
	task
	restored Restored
	seen     []bool // by meter: it is counted
	rows     int    // of the file that progress does not know of yet
}

// all restores in an order that keeps out of memory what a month's file holds: first the
// accounts, and the events that say how registers are to be understood, then the days whose month
// has no file, then the months, the newest first, since a bill ends with the first register of
// the month after, then the files with names of their own, and at last what the archives do not
// hold yet of the events. What cannot be read is named, and the rest goes on.
func (r *restorer) all() error {
	found, err := r.findFiles()
	if err != nil {
		return err
	}
	for _, name := range found.accounts {
		if err := r.pass(name, r.accountRows(name)); err != nil {
			return err
		}
	}
	events := eventRestorer{restorer: r, months: found.months}
	if err := r.pass(archive.EventsName, events.begin()); err != nil {
		return fmt.Errorf("restoring %s: %w", archive.EventsName, err)
	}
	for _, day := range found.loneDays() {
		if err := r.day(day); err != nil {
			return err
		}
	}
	for _, month := range found.months {
		if err := r.month(month, found.days[month]); err != nil {
			return fmt.Errorf("restoring %s: %w", archive.Name(month.Period()), err)
		}
	}
	for _, name := range found.others {
		_, err := r.rowByRow(name)
		if err := r.pass(name, err); err != nil {
			return fmt.Errorf("restoring %s: %w", name, err)
		}
	}
	if err := r.pass(archive.EventsName, events.end()); err != nil {
		return fmt.Errorf("restoring %s: %w", archive.EventsName, err)
	}
	return nil
}

// pass names a file that cannot be taken. Any other error ends the restore.
func (r *restorer) pass(name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, archive.ErrMissing):
		err = archive.Missing(name) // it was there a moment ago
	case !isOfFile(err):
		return err
	}
	r.refuse(name, 0, err)
	return nil
}

// month restores a month's file and the daily files of that month, also if the month's cannot
// be taken. Then the month is closed if all of its file was taken row by row, and nothing else
// was known of it: memory holds one such month at a time.
func (r *restorer) month(month meter.Month, days []meter.Day) error {
	name := archive.Name(month.Period())
	file := monthFile{task: r.task, month: month, window: r.zone.MonthWindow(month)}
	defer func() { closeDays(file.days) }()
	closes, err := r.monthFile(&file, days)
	if err := errors.Join(r.pass(name, err), r.restoreDays(days, file.days)); err != nil || !closes {
		return err
	}
	return r.pass(name, r.closeMonth(month))
}

// monthFile restores a month's file. A closed month's is compared with what was written. That
// of another month that is over is adopted. The rows of a file with which neither succeeds are
// taken one by one; closes says that the month can be closed with them.
func (r *restorer) monthFile(file *monthFile, days []meter.Day) (closes bool, err error) {
	name := archive.Name(file.month.Period())
	written, isClosed := r.store.Archived(file.month.Period())
	trust := verified
	if !isClosed {
		if trust, err = r.trust(name); err != nil {
			return false, err
		}
	}
	isOver := file.month.Before(r.zone.Today(r.now()).CalendarMonth())
	if isClosed || isOver && trust == verified {
		file.days = r.openDays(days)
	}
	var isArchive bool
	switch {
	case isClosed:
		_, err = file.walk(func(archive.Rows) error { return nil })
		isArchive = file.written.SHA256 == written.SHA256
	case isOver && trust == verified:
		file.each = r.touch
		if isArchive, err = file.adopt(); isArchive {
			r.restored.Readings += int(file.written.Rows)
		}
	}
	if isArchive {
		return false, err
	}
	closeDays(file.days)
	file.days = nil // nothing is known of what they were compared with
	if err != nil {
		return false, err
	}
	closes = isOver && !isClosed && !r.store.HasReadings(file.window.Rows())
	whole, err := r.period(name, file.month.Period(), trust)
	return closes && whole, err
}

// period takes the rows of a period's file one by one, and reports whether it took all. Then
// the journal gets to know the hash of an unverified file: from now on a run may replace it.
func (r *restorer) period(name string, p meter.Period, t trust) (whole bool, err error) {
	refused := r.restored.Refused
	sum, err := r.rowByRow(name)
	if err == nil && t == unverified {
		r.restored.Unverified = append(r.restored.Unverified, name)
	}
	if whole = err == nil && r.restored.Refused == refused; !whole || t == verified {
		return whole, err
	}
	h, err := r.take(store.NoWindow)
	if err != nil {
		return false, err
	}
	defer h.free()
	return true, h.write(store.AppendIntent(h.begin(), p, sum))
}

// trust is what is known of a file before it is read.
type trust bool

const (
	verified   trust = true
	unverified trust = false
)

// trust says whether a file is the one that its manifest describes or the journal knows. If
// it is not, and the journal knows nothing of its period, as after the data folder was lost,
// it is unverified: its rows are judged one by one. Otherwise it is an error.
func (r *restorer) trust(name string) (trust, error) {
	err := r.checkManifest(name)
	period, _ := archive.PeriodOf(name)
	if meter.CodeOf(err) == meter.CodeArchiveConflict && len(r.sums(period)) == 0 {
		return unverified, nil
	}
	return verified, err
}

// openDays opens the daily files that can be compared with their month's.
func (r *restorer) openDays(days []meter.Day) (opened []*dayFile) {
	for _, day := range days {
		if r.checkManifest(archive.Name(day.Period())) != nil {
			continue
		}
		if d, ok := r.openDay(day); ok {
			opened = append(opened, d)
		}
	}
	return opened
}

func closeDays(days []*dayFile) {
	for _, d := range days {
		_ = d.reader.Close() // it was only read
	}
}

// restoreDays restores daily files, except those that their month was found to have.
func (r *restorer) restoreDays(days []meter.Day, compared []*dayFile) error {
	for _, day := range days {
		place := slices.IndexFunc(compared, func(d *dayFile) bool { return d.day == day && d.isContained() })
		if place < 0 {
			if err := r.day(day); err != nil {
				return err
			}
			continue
		}
		d := compared[place]
		r.restored.Duplicates += int(d.rows)
		if err := r.record(day, d.rows, d.reader.SHA256()); err != nil {
			return err
		}
	}
	return nil
}

// day restores a daily file.
func (r *restorer) day(day meter.Day) error {
	name := archive.Name(day.Period())
	if err := r.pass(name, r.dayFile(name, day)); err != nil {
		return fmt.Errorf("restoring %s: %w", name, err)
	}
	return nil
}

// dayFile restores a daily file, row by row. If all of it was taken and the file is in this
// program's form, the day counts as archived, and an unverified file gets a manifest of its own.
func (r *restorer) dayFile(name string, day meter.Day) error {
	trust, err := r.trust(name)
	if err != nil {
		return err
	}
	whole, err := r.period(name, day.Period(), trust)
	if err != nil || !whole {
		return err
	}
	d, ok := r.openDay(day)
	if !ok {
		return nil
	}
	defer closeDays([]*dayFile{d})
	var read archive.Written
	for ; !d.ended; d.advance() {
		read.Add(d.head)
	}
	if d.lacks {
		return nil
	}
	read.Bytes, read.SHA256 = d.reader.Size(), d.reader.SHA256()
	if trust == unverified {
		manifest := r.archive.NewManifest(r.archive.Path(name), read, r.version, r.now())
		if err := r.archive.WriteManifest(manifest); err != nil {
			return err
		}
	}
	return r.record(day, read.Rows, read.SHA256)
}

// record writes down that a day is archived, unless that is known.
func (r *restorer) record(day meter.Day, rows uint64, sum [32]byte) error {
	if _, known := r.store.Archived(day.Period()); known {
		return nil
	}
	at := r.now()
	if manifest, err := r.archive.Manifest(archive.Name(day.Period())); err == nil && manifest.Describes(rows, sum) {
		at = manifest.WrittenAt
	}
	h, err := r.take(store.NoWindow)
	if err != nil {
		return err
	}
	defer h.free()
	written := store.Archive{Rows: rows, SHA256: sum, WrittenAt: at}
	_, err = h.end(store.AppendDay(h.begin(), store.DayArchive{Day: day, Archive: written, Arrivals: r.store.Arrivals()}))
	return err
}

// touch counts a meter for which readings were added.
func (r *restorer) touch(i store.Index) {
	if missing := int(i) + 1 - len(r.seen); missing > 0 {
		r.seen = append(r.seen, make([]bool, missing)...)
	}
	if !r.seen[i] {
		r.seen[i] = true
		r.restored.Meters++
	}
}

func (r *restorer) refuse(file string, row int, err error) {
	r.restored.Refused++
	r.list(file, row, err)
}

// refused counts and lists what was refused of a file's rows.
func (r *restorer) refused(file string, tally meter.Tally) {
	for _, refusal := range tally.Refusals {
		r.list(file, refusal.Row, refusal.Err)
	}
	r.restored.Refused += tally.Refused
}

// list notes a refused row until the list is full.
func (r *restorer) list(file string, row int, err error) {
	if len(r.restored.List) < meter.RefusalsMax {
		r.restored.List = append(r.restored.List, RefusedRow{file, row, err})
	}
}
