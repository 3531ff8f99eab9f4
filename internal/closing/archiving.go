package closing

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/mutant"
	"meterledger/internal/store"
)

// archiveDay writes what is known of a day: what its file held, what the archive
// of its month holds if that is closed, and what is in memory. Memory keeps its
// readings.
func (t task) archiveDay(day meter.Day) error {
	job := t.job(day.Period())
	if err := job.takeIn(); err != nil {
		return err
	}
	h, err := t.take(store.NoWindow)
	if err != nil {
		return err
	}
	defer h.free()
	job.hold = h
	known := t.store.Arrivals() // before memory is read: what comes meanwhile may be in the file or not
	written, err := job.write(func(archive.Rows) error { return nil })
	if err != nil {
		return err
	}
	_, err = h.end(store.AppendDay(h.begin(), store.DayArchive{Day: day, Archive: written, Arrivals: known}))
	return err
}

// job returns the archiving of a period, with what the store knows of its files.
func (t task) job(p meter.Period) archiveJob {
	job := archiveJob{task: t, period: p, name: archive.Name(p), window: p.Window(t.zone).Rows()}
	if last, archived := t.store.Archived(p); archived {
		job.expected = &last
	}
	if month, closed := t.store.Month(job.window.From); closed && !p.IsMonth() {
		job.month = &month
	}
	return job
}

// archiveJob writes one archive file as the union of all that is known of its period.
type archiveJob struct {
	task
	period   meter.Period
	name     string
	window   meter.Window
	expected *store.Archive      // what the file held when it was last written, or nil if it never was
	month    *store.MonthArchive // a closed month whose archive has rows of the day too, or nil
	hold     *hold               // what the run may write; nil for one that writes nothing

	opened []io.Closer
}

// takeIn records the rows of a file that has the archive's name and that no run wrote, so
// that they are judged as if meters had sent them. A row that is refused stops the run:
// nothing is overwritten that is not safe elsewhere.
func (a *archiveJob) takeIn() error {
	if a.expected != nil {
		return nil
	}
	if err := a.checkManifest(a.name); err != nil {
		return err
	}
	restorer := restorer{task: a.task}
	_, err := restorer.rowByRow(a.name)
	if errors.Is(err, archive.ErrMissing) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("taking in %s: %w", a.name, err)
	}
	if restored := restorer.restored; restored.Refused > 0 {
		first := restored.List[0]
		return archive.Refused("%s was there before and was not overwritten: %d of its rows cannot be taken, the first is row %d: %v; "+
			"register the meters or move the file away", a.name, restored.Refused, first.Row, first.Err)
	}
	return nil
}

// write puts the archive in its place, and its manifest beside it.
func (a *archiveJob) write(each func(archive.Rows) error) (store.Archive, error) {
	defer a.close()
	source, err := a.source("writing ")
	if err != nil {
		return store.Archive{}, err
	}
	pace := a.writer.Pace(a.ctx)
	written, err := a.archive.Write(a.name, source, archive.Writing{
		Each: func(rows archive.Rows) error {
			a.run.rows += uint64(len(rows.Points))
			a.run.progress.did(0, len(rows.Points), 0)
			pace()
			return each(rows)
		},
		Reserve: func(bytes int) error { return a.reserve(a.name, bytes) },
		Pace:    pace,
		IsAlone: func() bool { return !a.writer.IsAsked() },
		Intend:  a.intend,
	})
	if err != nil {
		return store.Archive{}, a.explain(err)
	}
	at := a.now()
	if err := a.archive.WriteManifest(a.archive.NewManifest(a.archive.Path(a.name), written, a.version, at)); err != nil {
		return store.Archive{}, err
	}
	a.run.Archives = append(a.run.Archives, ArchiveInfo{a.period, a.archive.Path(a.name), written.Rows, written.SHA256})
	return store.Archive{Rows: written.Rows, SHA256: written.SHA256, WrittenAt: at}, nil
}

// reserve keeps free on the disk what the journal needs: an archive must not take
// the last of it.
func (rs *Runs) reserve(name string, bytes int) error {
	if free, known := rs.archive.Free(); !known || free >= rs.diskFreeMin+uint64(bytes) {
		return nil
	}
	return meter.Unavailable(meter.CodeDiskFull, time.Minute,
		"%s was not written: less than the %d MiB that are kept free would be left on the disk; make room first", name, rs.diskFreeMin>>20)
}

// intend writes down which file is about to take the place of the old one: if the run is
// cut off right after, the next one knows that a run wrote it.
func (a *archiveJob) intend(written archive.Written) error {
	if mutant.ReplacedUnannounced {
		return nil
	}
	return a.hold.write(store.AppendIntent(a.hold.begin(), a.period, written.SHA256))
}

func (a *archiveJob) explain(err error) error {
	var conflict *archive.ConflictError
	var row *archive.RowError
	switch {
	case errors.As(err, &conflict):
		return archive.Refused("%s was not written: meter %s has %v kWh and %v kWh for %s; put one of them right first",
			a.name, conflict.Meter, conflict.A, conflict.B, a.zone.Stamp(conflict.Slot))
	case errors.As(err, &row):
		return archive.Refused("%s was not written: row %d of %s cannot be read: %v", a.name, row.Row, row.File, row.Err)
	}
	return err
}

// source joins what is known of the period: of a month, its file and memory, each meter
// being in one of them; of a day, the month's file and memory likewise, and the day's
// file, which may hold less than they do, or what was corrected since.
func (a *archiveJob) source(doing string) (archive.Source, error) {
	if err := a.checkLeft(); err != nil {
		return nil, err
	}
	order := a.store.SortedByID()
	a.run.progress.begin(doing+a.name, len(order), 0)
	memory := &memorySource{a: a, order: order, isJoined: a.period.IsMonth() && a.expected != nil || a.month != nil}
	var file, month archive.Source
	var err error
	if a.expected != nil && !a.isLostDay() {
		if file, err = a.verified(a.period, *a.expected); err != nil {
			return nil, err
		}
	}
	if a.period.IsMonth() {
		return archive.WithMemory(file, memory, a.store.Outdated), nil
	}
	if a.month != nil {
		if month, err = a.verified(a.month.Month.Period(), a.month.Archive); err != nil {
			return nil, err
		}
		month = archive.Within(a.window, month)
	}
	known := archive.WithMemory(month, memory, a.store.Outdated)
	if file == nil {
		return known, nil
	}
	return archive.Merge(known, file, a.store.Outdated), nil
}

// isLostDay reports whether the file is a day's and is missing: memory and the month's file
// hold all that it held.
func (a *archiveJob) isLostDay() bool {
	_, _, err := a.archive.Stat(a.name)
	return !a.period.IsMonth() && errors.Is(err, archive.ErrMissing)
}

// checkLeft refuses to replace a plain file beside a compressed one, unless it is one
// that a run was cut off in replacing.
func (a *archiveJob) checkLeft() error {
	sum, there, err := a.archive.Left(a.name)
	if err != nil || !there {
		return err
	}
	if !slices.Contains(a.sums(a.period), sum) {
		return archive.Refused("%s was not written: it is there both plain and compressed; move one of them away", a.name)
	}
	return nil
}

// verified opens a file that is to be merged.
func (a *archiveJob) verified(p meter.Period, last store.Archive) (archive.Source, error) {
	file, err := a.archive.ReadOwn(a.ctx, archive.Name(p), append(a.store.Intents(p), last.SHA256)...)
	if err != nil {
		return nil, a.explain(err)
	}
	a.opened = append(a.opened, file)
	if p == a.period { // it will be written again
		err = a.reserve(a.name, int(file.Size()))
	}
	return file, err
}

func (a *archiveJob) close() {
	for _, c := range a.opened {
		_ = c.Close() // files that were only read
	}
	a.opened = nil
}

// memorySource is what the store holds of the period.
type memorySource struct {
	a        *archiveJob
	order    []store.Index // of the meters that are left
	isJoined bool          // with a file, which may have rows that were withdrawn
	points   []meter.Point
}

func (s *memorySource) Next() (archive.Rows, error) {
	for len(s.order) > 0 {
		if err := meter.Stopped(s.a.ctx); err != nil {
			return archive.Rows{}, err
		}
		i := s.order[0]
		s.order = s.order[1:]
		s.a.run.progress.did(1, 0, 0)
		known := s.a.store.Read(i, s.a.window, s.points[:0])
		isWhole := len(known.Archives) == 0
		if s.points = known.Points; len(s.points) > 0 || s.isJoined && isWhole && s.a.store.HasReplaced(i, s.a.window) {
			return archive.Rows{Meter: s.a.store.Account(i).ID, Points: s.points, IsWhole: isWhole}, nil
		}
	}
	return archive.Rows{}, io.EOF
}
