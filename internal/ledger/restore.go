package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Restored is what came of putting archives back.
type Restored struct {
	Meters     int // that readings were added for
	Readings   int // added
	Duplicates int // already there
	Refused    int
	List       []RefusedRow // the first of the refused
}

// RefusedRow is a row of an archive file that was not taken, and why.
type RefusedRow struct {
	File string
	Row  int // from 1, the header not counted; 0 for the file as a whole
	Err  error
}

// RestoreArchives reads the CSV files of the archive folder and adds what the store lacks,
// also while reception is shut down. Rows that break a rule are refused one by
// one. It goes on whatever becomes of the caller, and returns when it is done.
func (l *Ledger) RestoreArchives() (Restored, error) {
	r := &restorer{l: l}
	run, err := l.start(Restore, "all", r.all)
	if err != nil {
		return Restored{}, err
	}
	<-run.Done()
	return r.restored, run.Err
}

type restorer struct {
	l        *Ledger
	run      *Run
	restored Restored
	seen     []bool // by meter: it is counted
	rows     int    // of the file that progress does not know of yet
}

// foundFiles are the files of the archive folder.
type foundFiles struct {
	months []meter.Month               // the newest first
	days   map[meter.Month][]meter.Day // in order of time
	others []string                    // copies under names of their own
}

// all restores in an order in which nothing has to come into memory that a month's
// file holds: first the days of which there is no month, then the months, the
// newest first, since a bill ends with the first register of the month after, and
// at last what has a name of its own.
func (r *restorer) all(ctx context.Context, run *Run) error {
	r.run = run
	found, err := r.l.findFiles()
	if err != nil {
		return err
	}
	for _, day := range found.lone() {
		if err := r.day(ctx, day); err != nil {
			return err
		}
	}
	for _, month := range found.months {
		if err := r.month(ctx, month, found.days[month]); err != nil {
			return fmt.Errorf("restoring %s: %w", archive.Name(month.Period()), err)
		}
	}
	for _, name := range found.others {
		if err := r.rowByRow(ctx, name); err != nil {
			return fmt.Errorf("restoring %s: %w", name, err)
		}
	}
	return nil
}

// lone are the days of which there is no month, in order of time.
func (f foundFiles) lone() (lone []meter.Day) {
	for month, days := range f.days {
		if !slices.Contains(f.months, month) {
			lone = append(lone, days...)
		}
	}
	slices.SortFunc(lone, meter.Day.Compare)
	return lone
}

func (l *Ledger) findFiles() (foundFiles, error) {
	found := foundFiles{days: make(map[meter.Month][]meter.Day)}
	names, err := l.archive.Files()
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

// month restores a month's file and the daily files of that month.
func (r *restorer) month(ctx context.Context, month meter.Month, days []meter.Day) error {
	name := archive.Name(month.Period())
	if closed, ok := r.closed(month); ok {
		return r.closedMonth(ctx, closed, days)
	}
	if ok, err := r.fitsManifest(name); !ok || err != nil {
		return errors.Join(err, r.daysOneByOne(ctx, days, nil))
	}
	if month.Before(r.l.zone.Today(r.l.now()).CalendarMonth()) {
		adoption := adoption{l: r.l, ctx: ctx, run: r.run, month: month, days: r.openDays(days), each: r.touch}
		defer closeDays(adoption.days)
		adopted, err := adoption.try()
		if err != nil {
			return err
		}
		if adopted {
			r.restored.Readings += int(adoption.written.Rows)
			return r.daysOneByOne(ctx, days, adoption.days)
		}
		return r.foreignMonth(ctx, month, days)
	}
	return errors.Join(r.rowByRow(ctx, name), r.daysOneByOne(ctx, days, nil))
}

func (r *restorer) closed(month meter.Month) (store.MonthArchive, bool) {
	months := r.l.store.Months()
	place, found := slices.BinarySearchFunc(months, month, func(m store.MonthArchive, month meter.Month) int { return m.Month.Compare(month) })
	if !found {
		return store.MonthArchive{}, false
	}
	return months[place], true
}

// closedMonth compares the files of a month that is closed. Its own is where queries
// look for it, unless it is not what was written.
func (r *restorer) closedMonth(ctx context.Context, month store.MonthArchive, days []meter.Day) error {
	name := archive.Name(month.Month.Period())
	walk := adoption{l: r.l, ctx: ctx, run: r.run, month: month.Month, window: month.Window, days: r.openDays(days)}
	defer closeDays(walk.days)
	reader, err := r.l.archive.Read(name)
	if err == nil {
		defer reader.Close()
		walk.reader = reader
		r.run.progress.beginBytes("reading "+name, reader.Size())
		_, err = walk.walk(func(archive.Rows) error { return nil })
	}
	if err := walk.passOver(err); err != nil {
		return err
	}
	if walk.written.SHA256 != month.SHA256 {
		return errors.Join(r.rowByRow(ctx, name), r.daysOneByOne(ctx, days, nil))
	}
	return r.daysOneByOne(ctx, days, walk.days)
}

// foreignMonth takes the rows of files that others wrote, and closes the month where
// nothing else was known of it and nothing was refused: memory holds one such
// month at a time.
func (r *restorer) foreignMonth(ctx context.Context, month meter.Month, days []meter.Day) error {
	name := archive.Name(month.Period())
	whole := !r.l.store.HasReadings(r.l.zone.MonthWindow(month).Rows())
	refused := r.restored.Refused
	if err := r.rowByRow(ctx, name); err != nil {
		return err
	}
	whole = whole && r.restored.Refused == refused
	if err := r.daysOneByOne(ctx, days, nil); err != nil || !whole {
		return err
	}
	return r.l.closeMonth(ctx, r.run, month)
}

// openDays opens the daily files that can be compared with their month's.
func (r *restorer) openDays(days []meter.Day) (opened []*dayFile) {
	for _, day := range days {
		name := archive.Name(day.Period())
		if r.l.checkManifest(name) != nil {
			continue
		}
		if d, ok := r.l.openDay(name, day); ok {
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

// daysOneByOne restores daily files, but for those that their month was found to have.
func (r *restorer) daysOneByOne(ctx context.Context, days []meter.Day, compared []*dayFile) error {
	for _, day := range days {
		place := slices.IndexFunc(compared, func(d *dayFile) bool { return d.day == day && d.isContained() })
		if place < 0 {
			if err := r.day(ctx, day); err != nil {
				return err
			}
			continue
		}
		d := compared[place]
		r.restored.Duplicates += int(d.rows)
		if err := r.know(ctx, day, archive.Written{Rows: d.rows, SHA256: d.reader.SHA256()}); err != nil {
			return err
		}
	}
	return nil
}

// day restores a daily file, row by row.
func (r *restorer) day(ctx context.Context, day meter.Day) error {
	name := archive.Name(day.Period())
	if ok, err := r.fitsManifest(name); !ok || err != nil {
		return err
	}
	refused := r.restored.Refused
	if err := r.rowByRow(ctx, name); err != nil {
		return fmt.Errorf("restoring %s: %w", name, err)
	}
	if r.restored.Refused > refused {
		return nil
	}
	written, ours := r.l.reread(name, day)
	if !ours {
		return nil
	}
	return r.know(ctx, day, written)
}

// reread returns what a daily file holds, and false where it is not as we write it.
func (l *Ledger) reread(name string, day meter.Day) (written archive.Written, ours bool) {
	d, ok := l.openDay(name, day)
	if !ok {
		return written, false
	}
	defer closeDays([]*dayFile{d})
	for ; !d.ended; d.advance() {
		written.Add(d.head)
	}
	written.SHA256 = d.reader.SHA256()
	return written, !d.lacks
}

// know writes down that a day is archived, unless that is known.
func (r *restorer) know(ctx context.Context, day meter.Day, written archive.Written) error {
	days := r.l.store.Days()
	_, known := slices.BinarySearchFunc(days, day, func(d store.DayArchive, day meter.Day) int { return d.Day.Compare(day) })
	if known {
		return nil
	}
	at := r.l.now()
	if manifest, err := r.l.archive.Manifest(archive.Name(day.Period())); err == nil {
		at = manifest.WrittenAt
	}
	h, err := r.l.hold(ctx, store.NoWindow)
	if err != nil {
		return err
	}
	defer h.free()
	_, err = h.end(ctx, func(b []byte) []byte {
		return store.AppendDay(b, day, store.Archive{Rows: written.Rows, SHA256: written.SHA256, WrittenAt: at})
	})
	return err
}

// fitsManifest refuses a file as a whole that is not what its manifest says.
func (r *restorer) fitsManifest(name string) (bool, error) {
	err := r.l.checkManifest(name)
	var conflict *meter.Error
	if errors.As(err, &conflict) {
		r.refuse(name, 0, err)
		return false, nil
	}
	return err == nil, err
}

// touch counts a meter that readings were added for.
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

// list notes a refused row while there is room in the list.
func (r *restorer) list(file string, row int, err error) {
	if len(r.restored.List) < RefusalsMax {
		r.restored.List = append(r.restored.List, RefusedRow{file, row, err})
	}
}

// hintAtArchives tells the operator of archives that the journal knows nothing of, as
// after the loss of a data folder.
func (l *Ledger) hintAtArchives() {
	found, err := l.findFiles()
	known := l.store.Months()
	unknown := slices.DeleteFunc(found.months, func(m meter.Month) bool {
		return slices.ContainsFunc(known, func(k store.MonthArchive) bool { return k.Month == m })
	})
	if err != nil || len(unknown) == 0 {
		return
	}
	meters, _ := l.store.Counts()
	l.log.Warn("there are archives of months that the data folder knows nothing of; nothing is overwritten: "+
		"register their meters, then POST /restore_data brings the months and their bills back",
		"months", len(unknown), "oldest", slices.MinFunc(unknown, meter.Month.Compare), "newest", slices.MaxFunc(unknown, meter.Month.Compare),
		"meters_registered", meters)
}
