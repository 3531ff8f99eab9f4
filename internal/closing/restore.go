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
	Meters     int // for which readings were added
	Readings   int // added
	Duplicates int // already there
	Refused    int
	List       []RefusedRow // the first meter.RefusalsMax of the refused
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
// days whose month has no file, then the months, the newest first, since a bill ends with
// the first register of the month after, and at last the files with names of their own.
func (r *restorer) all() error {
	found, err := r.findFiles()
	if err != nil {
		return err
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
		if err := r.rowByRow(name); err != nil {
			return fmt.Errorf("restoring %s: %w", name, err)
		}
	}
	return nil
}

// month restores a month's file and the daily files of that month. A closed month's file
// is compared with what was written. That of another month that is over is adopted. The
// rows of a file with which neither succeeds are taken one by one, and then the month is
// closed if it was not, nothing else was known of it and no row was refused: memory holds
// one such month at a time.
func (r *restorer) month(month meter.Month, days []meter.Day) error {
	name := archive.Name(month.Period())
	written, isClosed := r.store.Archived(month.Period())
	if !isClosed {
		if ok, err := r.fitsManifest(name); !ok || err != nil {
			return errors.Join(err, r.restoreDays(days, nil))
		}
	}
	isOver := month.Before(r.zone.Today(r.now()).CalendarMonth())
	file := monthFile{task: r.task, month: month, window: r.zone.MonthWindow(month)}
	if isClosed || isOver {
		file.days = r.openDays(days)
		defer closeDays(file.days)
	}
	var isArchive bool
	var err error
	switch {
	case isClosed:
		_, err = file.walk(func(archive.Rows) error { return nil })
		isArchive = file.written.SHA256 == written.SHA256
	case isOver:
		file.each = r.touch
		if isArchive, err = file.adopt(); isArchive {
			r.restored.Readings += int(file.written.Rows)
		}
	}
	switch {
	case err != nil:
		return err
	case isArchive:
		return r.restoreDays(days, file.days)
	}
	closes := isOver && !isClosed && !r.store.HasReadings(file.window.Rows())
	refused := r.restored.Refused
	err = r.rowByRow(name)
	closes = closes && r.restored.Refused == refused
	if err = errors.Join(err, r.restoreDays(days, nil)); err != nil || !closes {
		return err
	}
	return r.closeMonth(month)
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

// day restores a daily file, row by row. If all of it was taken and the file is in this
// program's form, the day counts as archived.
func (r *restorer) day(day meter.Day) error {
	name := archive.Name(day.Period())
	if ok, err := r.fitsManifest(name); !ok || err != nil {
		return err
	}
	refused := r.restored.Refused
	if err := r.rowByRow(name); err != nil {
		return fmt.Errorf("restoring %s: %w", name, err)
	}
	if r.restored.Refused > refused {
		return nil
	}
	d, ok := r.openDay(day)
	if !ok {
		return nil
	}
	defer closeDays([]*dayFile{d})
	for ; !d.ended; d.advance() {
		d.rows += uint64(len(d.head.Points))
	}
	if d.lacks {
		return nil
	}
	return r.record(day, d.rows, d.reader.SHA256())
}

// record writes down that a day is archived, unless that is known.
func (r *restorer) record(day meter.Day, rows uint64, sum [32]byte) error {
	if _, known := r.store.Archived(day.Period()); known {
		return nil
	}
	at := r.now()
	if manifest, err := r.archive.Manifest(archive.Name(day.Period())); err == nil {
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

// fitsManifest refuses a file as a whole if it is not the one that its manifest describes.
func (r *restorer) fitsManifest(name string) (bool, error) {
	err := r.checkManifest(name)
	var conflict *meter.Error
	if errors.As(err, &conflict) {
		r.refuse(name, 0, err)
		return false, nil
	}
	return err == nil, err
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

// list notes a refused row until the list is full.
func (r *restorer) list(file string, row int, err error) {
	if len(r.restored.List) < meter.RefusalsMax {
		r.restored.List = append(r.restored.List, RefusedRow{file, row, err})
	}
}
