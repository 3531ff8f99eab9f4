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
	"meterledger/internal/mutant"
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
	written, err := job.write(func(archive.Rows) error { return nil })
	if err != nil {
		return err
	}
	return l.commitMaintenance(ctx, store.AppendDay(nil, day, written))
}

// dayJob is the archiving of a day, as far as it is known beforehand.
func (l *Ledger) dayJob(ctx context.Context, run *Run, day meter.Day) archiving {
	window := l.zone.DayWindow(day)
	window.To--
	job := archiving{l: l, ctx: ctx, run: run, name: archive.DailyName(day), period: day.String(), window: window}
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

// commitMaintenance writes an entry that is no question.
func (l *Ledger) commitMaintenance(ctx context.Context, payload []byte) error {
	_, err := l.ask(ctx, payload)
	return err
}

// ask writes an entry and returns its verdict.
func (l *Ledger) ask(ctx context.Context, payload []byte) (store.Verdict, error) {
	k := &commit{payload: payload, entries: 1}
	if err := l.committer.enqueue(ctx, k, steady); err != nil {
		return store.Verdict{}, err
	}
	verdicts, err := l.committer.wait(k)
	if err != nil {
		return store.Verdict{}, err
	}
	return verdicts[0], nil
}

// archiving writes one archive file as the union of all that is known of its period.
type archiving struct {
	l        *Ledger
	ctx      context.Context
	run      *Run
	name     string
	period   string
	window   meter.Window
	expected *store.Archive      // what the file held when it was last written, or nil where it never was
	month    *store.MonthArchive // a closed month whose archive has rows of the period too, or nil

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
	written, err := a.l.archive.Write(a.name, a.window, archive.Merge(sources...), archive.Writing{
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
	if err := a.l.archive.WriteManifest(a.l.archive.NewManifest(a.name, written, a.l.version, at)); err != nil {
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
	if mutant.ReplacedUnannounced {
		return nil
	}
	return a.l.commitMaintenance(a.ctx, store.AppendIntent(nil, a.period, written.SHA256))
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

// sources are memory, the file as it was written last, and the month's archive.
func (a *archiving) sources(doing string) ([]archive.Source, error) {
	if err := a.checkLeft(); err != nil {
		return nil, err
	}
	order := a.l.store.SortedByID()
	a.run.progress.begin(doing+a.name, len(order))
	sources := []archive.Source{&memory{a: a, order: order}}
	if a.expected != nil {
		file, err := a.verified(a.name, a.window, *a.expected, a.period)
		if err != nil {
			return nil, err
		}
		sources = append(sources, file)
	}
	if a.month != nil {
		file, err := a.verified(archive.MonthlyName(a.month.Month), a.month.Window, a.month.Archive, a.month.Month.String())
		if err != nil {
			return nil, err
		}
		sources = append(sources, &within{file, a.window})
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
func (a *archiving) verified(name string, w meter.Window, last store.Archive, period string) (archive.Source, error) {
	file, err := a.l.openArchive(a.ctx, name, w, last, period)
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
func (l *Ledger) openArchive(ctx context.Context, name string, w meter.Window, last store.Archive, period string) (*verified, error) {
	reader, err := l.archive.Read(name, w)
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

// memory is a Source of what the store holds of the period.
type memory struct {
	a      *archiving
	order  []store.Index
	points []meter.Point
}

func (m *memory) Next() (archive.Rows, error) {
	for len(m.order) > 0 {
		if err := stopped(m.a.ctx); err != nil {
			return archive.Rows{}, err
		}
		i := m.order[0]
		m.order = m.order[1:]
		m.a.run.progress.did(1, 0, 0)
		m.points = m.a.l.store.InMemory(i, m.a.window, m.points[:0])
		if len(m.points) > 0 {
			return archive.Rows{Meter: m.a.l.store.Account(i).ID, Points: m.points}, nil
		}
	}
	return archive.Rows{}, io.EOF
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
