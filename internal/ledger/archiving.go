package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// archiveDay writes what is known of a day: what its file held, what the archive
// of its month holds where that is closed, and what is in memory. Memory keeps
// its readings.
func (l *Ledger) archiveDay(ctx context.Context, run *Run, day meter.Day) error {
	job := l.dayJob(ctx, run, day)
	if err := job.takeIn(); err != nil {
		return err
	}
	h, err := l.hold(ctx, store.NoWindow)
	if err != nil {
		return err
	}
	defer h.free()
	job.hold = h
	written, err := job.write(func(archive.Rows) error { return nil })
	if err != nil {
		return err
	}
	_, err = h.end(ctx, func(b []byte) []byte { return store.AppendDay(b, day, written) })
	return err
}

// dayJob is the archiving of a day, as far as it is known beforehand.
func (l *Ledger) dayJob(ctx context.Context, run *Run, day meter.Day) archiving {
	window := day.Period().Window(l.zone).Rows()
	job := archiving{l: l, ctx: ctx, run: run, name: archive.Name(day.Period()), period: day.String(), window: window}
	for _, archived := range l.store.Days() {
		if archived.Day == day {
			job.expected = &archived.Archive
		}
	}
	if month, closed := l.store.Month(window.From); closed {
		job.month = &month
	}
	return job
}

// archiving writes one archive file as the union of all that is known of its period.
type archiving struct {
	l        *Ledger
	ctx      context.Context
	run      *Run
	name     string
	period   string
	monthly  bool
	window   meter.Window
	expected *store.Archive      // what the file held when it was last written, or nil where it never was
	month    *store.MonthArchive // a closed month whose archive has rows of the period too, or nil
	hold     *hold               // what the run may write; nil for one that writes nothing

	opened []io.Closer
}

// takeIn records the rows of a file that stands in the way and is not known to be
// ours, so that they are judged as if meters had sent them. A row that is refused
// stops the run: nothing is overwritten that is not safe elsewhere.
func (a *archiving) takeIn() error {
	if a.expected != nil {
		return nil
	}
	if err := a.l.checkManifest(a.name); err != nil {
		return err
	}
	restorer := restorer{l: a.l, run: a.run}
	err := restorer.rowByRow(a.ctx, a.name)
	if errors.Is(err, archive.ErrMissing) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("taking in %s: %w", a.name, err)
	}
	if restored := restorer.restored; restored.Refused > 0 {
		first := restored.List[0]
		return refused("%s was there before and was not overwritten: %d of its rows cannot be taken, the first is row %d: %v; "+
			"register the meters or move the file away", a.name, restored.Refused, first.Row, first.Err)
	}
	return nil
}

// write puts the archive in its place, and its manifest beside it.
func (a *archiving) write(each func(archive.Rows) error) (store.Archive, error) {
	defer a.close()
	sources, err := a.sources("writing ")
	if err != nil {
		return store.Archive{}, err
	}
	pacer := pacer{ctx: a.ctx, pace: archivingPace, rush: &rush{count: &a.l.committer.entries}}
	written, err := a.l.archive.Write(a.name, archive.Merge(sources...), archive.Writing{
		Each: func(rows archive.Rows) error {
			a.run.rows += uint64(len(rows.Points))
			a.run.progress.did(0, len(rows.Points), 0)
			pacer.step()
			return each(rows)
		},
		Room:   a.room,
		Pace:   pacer.step,
		Intend: a.intend,
	})
	if err != nil {
		return store.Archive{}, a.explain(err)
	}
	at := a.l.now()
	if err := a.l.archive.WriteManifest(a.l.archive.NewManifest(a.l.archive.Path(a.name), written, a.l.version, at)); err != nil {
		return store.Archive{}, err
	}
	a.run.Archives = append(a.run.Archives, ArchiveInfo{a.period, a.l.archive.Path(a.name), written.Rows, written.SHA256})
	return store.Archive{Rows: written.Rows, SHA256: written.SHA256, WrittenAt: at}, nil
}

// room keeps free on the disk what the journal needs: an archive must not take
// the last of it.
func (a *archiving) room(bytes int) error {
	if !a.l.archiveSpace.low(uint64(bytes)) {
		return nil
	}
	return meter.Unavailable(meter.CodeOverloaded, time.Minute,
		"%s was not written: less than the %d MiB that are kept free would be left on the disk; make room first", a.name, a.l.archiveSpace.min>>20)
}

// intend writes down which file is about to take the place of the old one: were
// the run cut off right after, the next one knows it for ours.
func (a *archiving) intend(written archive.Written) error {
	return a.hold.write(a.ctx, func(b []byte) []byte { return store.AppendIntent(b, a.period, written.SHA256) })
}

func (a *archiving) explain(err error) error {
	var conflict *archive.ConflictError
	var row *archive.RowError
	switch {
	case errors.As(err, &conflict):
		return refused("%s was not written: meter %s has %v kWh and %v kWh for %s; put one of them right first",
			a.name, conflict.Meter, conflict.A, conflict.B, a.l.zone.Stamp(conflict.Slot))
	case errors.As(err, &row):
		return refused("%s was not written: row %d of %s cannot be read: %v", a.name, row.Row, row.File, row.Err)
	}
	return err
}

// sources are what is known of the period, to be merged: of a month, its file and
// memory, each meter being in one of them; of a day, the month's file and memory
// likewise, and the day's file, which may hold less than they do.
func (a *archiving) sources(doing string) ([]archive.Source, error) {
	if err := a.checkLeft(); err != nil {
		return nil, err
	}
	order := a.l.store.SortedByID()
	a.run.progress.begin(doing+a.name, len(order))
	memory := memory{a: a, order: order}
	var file, month archive.Source
	var err error
	if a.expected != nil {
		if file, err = a.verified(a.name, *a.expected, a.period); err != nil {
			return nil, err
		}
	}
	if a.monthly {
		return []archive.Source{archive.Divide(file, memory.next)}, nil
	}
	if a.month != nil {
		if month, err = a.verified(archive.Name(a.month.Month.Period()), a.month.Archive, a.month.Month.String()); err != nil {
			return nil, err
		}
		month = &within{month, a.window}
	}
	sources := []archive.Source{archive.Divide(month, memory.next)}
	if file != nil {
		sources = append(sources, file)
	}
	return sources, nil
}

// checkLeft refuses to replace a plain file beside a compressed one, unless it is one
// that a run was cut off in replacing.
func (a *archiving) checkLeft() error {
	sum, there, err := a.l.archive.Left(a.name)
	if err != nil || !there {
		return err
	}
	known := a.l.store.Intents(a.period)
	if a.expected != nil {
		known = append(known, a.expected.SHA256)
	}
	if !slices.Contains(known, sum) {
		return refused("%s was not written: it is there both plain and compressed; move one of them away", a.name)
	}
	return nil
}

// verified opens a file that is to be merged.
func (a *archiving) verified(name string, last store.Archive, period string) (archive.Source, error) {
	file, err := a.l.openArchive(a.ctx, name, last, period)
	if err != nil {
		return nil, a.explain(err)
	}
	a.opened = append(a.opened, file)
	if name == a.name { // it will be written again
		err = a.room(int(file.Size()))
	}
	return file, err
}

// openArchive opens a file that must turn out to be the one that was written last, or
// one that a run was about to put in its place when it was cut off.
func (l *Ledger) openArchive(ctx context.Context, name string, last store.Archive, period string) (*verified, error) {
	reader, err := l.archive.Read(name)
	if errors.Is(err, archive.ErrMissing) {
		return nil, missing(name)
	}
	if err != nil {
		return nil, err
	}
	known := append(l.store.Intents(period), last.SHA256)
	return &verified{reader, ctx, name, known}, nil
}

func (a *archiving) close() {
	for _, c := range a.opened {
		_ = c.Close() // files that were only read
	}
	a.opened = nil
}

// memory is what the store holds of the period.
type memory struct {
	a      *archiving
	order  []store.Index
	points []meter.Point
}

func (m *memory) next() (archive.Part, error) {
	for len(m.order) > 0 {
		if err := stopped(m.a.ctx); err != nil {
			return archive.Part{}, err
		}
		i := m.order[0]
		m.order = m.order[1:]
		m.a.run.progress.did(1, 0, 0)
		known := m.a.l.store.Read(i, m.a.window, m.points[:0])
		if m.points = known.Points; len(m.points) > 0 {
			rows := archive.Rows{Meter: m.a.l.store.Account(i).ID, Points: m.points}
			return archive.Part{Rows: rows, Whole: len(known.Archives) == 0}, nil
		}
	}
	return archive.Part{}, io.EOF
}

// verified is a file whose hash must be a known one: what was changed behind our
// back is not overwritten.
type verified struct {
	*archive.Reader
	ctx   context.Context
	name  string
	known [][32]byte
}

func (v *verified) Next() (archive.Rows, error) {
	if err := stopped(v.ctx); err != nil {
		return archive.Rows{}, err
	}
	rows, err := v.Reader.Next()
	if errors.Is(err, io.EOF) && !slices.Contains(v.known, v.SHA256()) {
		return archive.Rows{}, changed(v.name)
	}
	return rows, err
}

// within is the part of a Source that lies in a window.
type within struct {
	archive.Source
	window meter.Window
}

func (w *within) Next() (archive.Rows, error) {
	for {
		rows, err := w.Source.Next()
		if err != nil {
			return archive.Rows{}, err
		}
		kept := rows.Points[:0]
		for _, p := range rows.Points {
			if w.window.Contains(p.Slot) {
				kept = append(kept, p)
			}
		}
		if rows.Points = kept; len(kept) > 0 {
			return rows, nil
		}
	}
}
