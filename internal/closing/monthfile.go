package closing

import (
	"errors"
	"io"
	"slices"
	"time"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// monthFile is the file of a month that is over, read once from its first row to its last:
// its rows never come into memory. On the way they are checked against what is known of
// their meters, and the daily files of the month are compared with them.
type monthFile struct {
	task

	month  meter.Month
	window meter.Window
	days   []*dayFile        // to be compared with it
	each   func(store.Index) // called with each of its meters, or nil

	written archive.Written // what it holds, once it was read
}

// adoptUnasked adopts a file that is in the place of a month that is about to be archived.
func (t task) adoptUnasked(month meter.Month) (adopted bool, err error) {
	name := archive.Name(month.Period())
	path, _, err := t.archive.Stat(name)
	if errors.Is(err, archive.ErrMissing) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	if err := t.checkManifest(name); err != nil {
		return false, err
	}
	f := monthFile{task: t, month: month, window: t.zone.MonthWindow(month)}
	if adopted, err = f.adopt(); adopted {
		t.run.Archives = append(t.run.Archives, ArchiveInfo{month.Period(), path, f.written.Rows, f.written.SHA256})
	}
	return adopted, err
}

// adopt makes the file the archive of a closed month without a change. The file must be in
// this program's form, so that questions find its rows, its meters must be registered, its registers must fit those that
// are known after it, and memory must hold nothing of the month. If adopt returns false,
// nothing has changed.
func (f *monthFile) adopt() (adopted bool, err error) {
	h, err := f.take(f.window.Rows())
	if err != nil {
		return false, err
	}
	defer h.free()
	if f.store.HasReadings(f.window.Rows()) {
		return false, nil
	}
	books := bookkeeping{runs: f.Runs, hold: h, month: f.month, window: f.window, late: f.store.LateMonths()}
	if fits, err := f.walk(books.add); !fits || err != nil {
		return false, err
	}
	if err := f.archive.Searchable(archive.Name(f.month.Period())); err != nil {
		return false, ignoreConflict(err)
	}
	if err := books.finish(); err != nil {
		return false, err
	}
	return f.commit(h)
}

// walk reads the file, and reports whether every row of it can be believed.
func (f *monthFile) walk(each func(archive.Rows) error) (fits bool, err error) {
	name := archive.Name(f.month.Period())
	reader, err := f.archive.Read(name)
	if err != nil {
		return false, ignoreForeign(err)
	}
	defer reader.Close()
	f.run.progress.begin("reading "+name, 0, reader.Size())
	for {
		if err := meter.Stopped(f.ctx); err != nil {
			return false, err
		}
		before := reader.BytesRead()
		rows, err := reader.Next()
		if errors.Is(err, io.EOF) {
			f.written.SHA256, f.written.Bytes = reader.SHA256(), reader.Size()
			return true, nil
		}
		if err != nil {
			return false, ignoreForeign(err)
		}
		m, registered := f.store.Lookup(rows.Meter)
		if !registered || !f.believes(m, rows.Points) {
			return false, nil
		}
		f.written.Add(rows)
		f.run.rows += uint64(len(rows.Points))
		f.run.progress.did(0, len(rows.Points), reader.BytesRead()-before)
		for _, day := range f.days {
			day.compare(rows)
		}
		if f.each != nil {
			f.each(m.Index)
		}
		if err := each(rows); err != nil {
			return false, err
		}
	}
}

// ignoreForeign drops a RowError: the file is not in this program's form.
func ignoreForeign(err error) error {
	var row *archive.RowError
	if errors.As(err, &row) {
		return nil
	}
	return err
}

// ignoreConflict drops an error of a file in which questions would not find their rows.
func ignoreConflict(err error) error {
	if meter.CodeOf(err) == meter.CodeArchiveConflict {
		return nil
	}
	return err
}

// believes reports whether one meter's rows lie in the month, what has gone through the meter
// rises with them, and none was corrected.
func (f *monthFile) believes(m store.Meter, points []meter.Point) bool {
	first, last := points[0], points[len(points)-1]
	if first.Slot < f.window.From || last.Slot >= f.window.To {
		return false
	}
	next, known := f.store.At(m.Index, f.window.To)
	if f.store.IsMarked(m.Index) {
		dials, _ := f.store.Life(m.Index)
		total := func(a, b meter.Point) int { return dials.Total(a).Cmp(dials.Total(b)) }
		return slices.IsSortedFunc(points, total) && (!known || total(last, meter.Point{Slot: f.window.To, Register: next}) <= 0) &&
			!slices.ContainsFunc(points, func(p meter.Point) bool { return isOfNextDial(dials, p) || f.store.Replaced(m.ID, p) })
	}
	return slices.IsSortedFunc(points, func(a, b meter.Point) int { return a.Register.Cmp(b.Register) }) && (!known || last.Register.Cmp(next) <= 0)
}

// isOfNextDial reports whether a reading at the time of an exchange is the new dial's: then the
// exchange came after it was archived, since it puts the old dial's in its place.
func isOfNextDial(d meter.Dials, p meter.Point) bool {
	c, found := d.Find(p.Slot.Instant())
	return found && !c.IsEstimated && p.Register == c.New && c.New != c.Old
}

// commit closes the month with the file.
func (f *monthFile) commit(h *hold) (adopted bool, err error) {
	name := archive.Name(f.month.Period())
	if err := f.archive.Sync(name); err != nil { // the program that put it there may not have
		return false, err
	}
	at := f.now()
	manifest, err := f.archive.Manifest(name)
	if err == nil && manifest.Describes(f.written.Rows, f.written.SHA256) {
		at = manifest.WrittenAt
	} else if err := f.writeManifest(name, at); err != nil {
		return false, err
	}
	return h.end(store.AppendAdopt(h.begin(), store.MonthArchive{
		Month: f.month, Window: f.window, Revision: 1,
		Archive: store.Archive{Rows: f.written.Rows, SHA256: f.written.SHA256, WrittenAt: at},
	}))
}

func (f *monthFile) writeManifest(name string, at time.Time) error {
	path, _, err := f.archive.Stat(name)
	if err != nil {
		return err
	}
	return f.archive.WriteManifest(f.archive.NewManifest(path, f.written, f.version, at))
}

// checkManifest refuses a file that is not the one its manifest describes, unless the journal
// knows its hash: a run that is cut off leaves a new file beside the manifest of the old one.
func (rs *Runs) checkManifest(name string) error {
	manifest, bad := rs.archive.Manifest(name)
	switch {
	case errors.Is(bad, archive.ErrMissing):
		return nil
	case bad != nil && !errors.Is(bad, archive.ErrBadManifest):
		return bad
	}
	sum, err := rs.archive.SHA256(name)
	period, _ := archive.PeriodOf(name)
	switch {
	case errors.Is(err, archive.ErrMissing):
		return nil
	case err != nil:
		return err
	case bad == nil && manifest.Describes(manifest.Rows, sum), slices.Contains(rs.sums(period), sum):
		return nil
	case bad != nil:
		return archive.Refused("%v: POST /restore_data takes the rows of its file one by one if nothing else is known of them", bad)
	}
	return archive.Refused("%s is not the file that its manifest describes: put the original back, "+
		"or remove the manifest to have the rows taken one by one", name)
}

// sums returns the hashes of the files that the journal knows of a period: of the one that was
// archived last, and of those that were about to replace it.
func (rs *Runs) sums(p meter.Period) [][32]byte {
	sums := rs.store.Intents(p)
	if last, archived := rs.store.Archived(p); archived {
		sums = append(sums, last.SHA256)
	}
	return sums
}

// dayFile is a daily archive that is compared with its month's, meter by meter: if the
// month has all of its rows, none of them has to be restored.
type dayFile struct {
	day    meter.Day
	reader *archive.Reader
	head   archive.Rows // the next meter's
	rows   uint64       // that the month has
	lacks  bool         // the month lacks some
	ended  bool
}

// openDay opens a daily archive. ok is false if the file is not in this program's form.
func (rs *Runs) openDay(day meter.Day) (d *dayFile, ok bool) {
	reader, err := rs.archive.Read(archive.Name(day.Period()))
	if err != nil {
		return nil, false
	}
	d = &dayFile{day: day, reader: reader}
	d.advance()
	return d, true
}

func (d *dayFile) advance() {
	var err error
	if d.head, err = d.reader.Next(); err != nil {
		d.ended = true
		d.lacks = d.lacks || !errors.Is(err, io.EOF)
	}
}

// compare looks for the day's rows of a meter among the month's.
func (d *dayFile) compare(month archive.Rows) {
	if d.ended || d.head.Meter > month.Meter {
		return
	}
	for _, p := range d.head.Points {
		place, found := slices.BinarySearchFunc(month.Points, p.Slot, meter.BySlot)
		if d.head.Meter != month.Meter || !found || month.Points[place] != p {
			d.lacks, d.ended = true, true
			return
		}
	}
	d.rows += uint64(len(d.head.Points))
	d.advance()
}

// isContained reports whether the month has the whole day, once all of it was compared.
func (d *dayFile) isContained() bool { return d.ended && !d.lacks }
