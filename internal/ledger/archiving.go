package ledger

import (
	"context"
	"errors"
	"io"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// archiveDay writes what is known of a day: what its file held, what the archive
// of its month holds where that is closed, and what is in memory. Memory keeps
// its readings.
func (l *Ledger) archiveDay(ctx context.Context, run *Run, day meter.Day) error {
	window := l.zone.DayWindow(day)
	window.To--
	job := archiving{l: l, ctx: ctx, run: run, name: archive.DailyName(day), period: day.String(), window: window}
	for _, archived := range l.store.Days() {
		if archived.Day == day {
			job.expected = &archived.Archive
		}
	}
	if month, closed := l.store.Month(window.From); closed {
		job.alsoFrom = archive.MonthlyName(month.Month)
		job.alsoWindow = month.Window
	}
	written, err := job.write(func(archive.Rows) {})
	if err != nil {
		return err
	}
	return l.commitMaintenance(ctx, store.AppendDay(nil, day, written))
}

// commitMaintenance writes entries that are no questions.
func (l *Ledger) commitMaintenance(ctx context.Context, payload []byte) error {
	k := &commit{payload: payload, entries: 1}
	if err := l.committer.enqueue(ctx, k, true); err != nil {
		return err
	}
	_, err := l.committer.wait(k)
	return err
}

// archiving writes one archive file as the union of all that is known of its period.
type archiving struct {
	l          *Ledger
	ctx        context.Context
	run        *Run
	name       string
	period     string
	window     meter.Window
	expected   *store.Archive // what the file held when it was last written, or nil where it never was
	alsoFrom   string         // another file with rows of the period, or empty
	alsoWindow meter.Window

	opened []io.Closer
}

func (a *archiving) write(each func(archive.Rows)) (store.Archive, error) {
	written, err := a.attempt(each, a.fromFile)
	var row *archive.RowError
	if errors.As(err, &row) && row.File == a.name && a.expected == nil {
		// The file is not one of ours: take it in as it is.
		written, err = a.attempt(each, a.fromForeignFile)
	}
	var conflict *archive.ConflictError
	if errors.As(err, &conflict) {
		return store.Archive{}, refused("%s was not written: meter %s has %v kWh and %v kWh for %s; put one of them right first",
			a.name, conflict.Meter, conflict.A, conflict.B, a.l.zone.Stamp(conflict.Slot))
	}
	if errors.As(err, &row) {
		return store.Archive{}, refused("%s was not written: row %d of %s cannot be read: %v", a.name, row.Row, row.File, row.Err)
	}
	if err != nil {
		return store.Archive{}, err
	}
	a.run.Archives = append(a.run.Archives, ArchiveInfo{a.period, a.l.archive.Path(a.name), written.Rows, written.SHA256})
	return store.Archive{Rows: written.Rows, SHA256: written.SHA256, WrittenAt: a.l.now()}, nil
}

func (a *archiving) attempt(each func(archive.Rows), existing func() (archive.Source, error)) (archive.Written, error) {
	defer a.close()
	sources, err := a.sources(existing)
	if err != nil {
		return archive.Written{}, err
	}
	return a.l.archive.Write(a.name, a.window, archive.Merge(sources...), func(rows archive.Rows) {
		a.run.progress.rows.Add(uint64(len(rows.Points)))
		each(rows)
	})
}

func (a *archiving) sources(existing func() (archive.Source, error)) ([]archive.Source, error) {
	order := a.l.store.SortedByID()
	a.run.progress.begin("writing "+a.name, len(order))
	sources := []archive.Source{&memory{a: a, order: order}}
	file, err := existing()
	if err != nil {
		return nil, err
	}
	if file != nil {
		sources = append(sources, file)
	}
	if a.alsoFrom != "" {
		reader, err := a.l.archive.Read(a.alsoFrom, a.alsoWindow)
		if err != nil {
			return nil, err
		}
		if reader == nil {
			return nil, refused("archive %s is missing: put it back first", a.alsoFrom)
		}
		a.opened = append(a.opened, reader)
		sources = append(sources, &within{reader, a.window})
	}
	return sources, nil
}

// fromFile reads the file that is there, and makes sure that it is the one that
// was written last.
func (a *archiving) fromFile() (archive.Source, error) {
	reader, err := a.l.archive.Read(a.name, a.window)
	if err != nil {
		return nil, err
	}
	if reader == nil {
		if a.expected != nil {
			return nil, refused("archive %s is missing, though it was written before: put it back first", a.name)
		}
		return nil, nil
	}
	a.opened = append(a.opened, reader)
	return &verified{reader, a}, nil
}

func (a *archiving) fromForeignFile() (archive.Source, error) { return a.l.archive.Sorted(a.name) }

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
		m.a.run.progress.meters.Add(1)
		m.points = m.a.l.store.Read(i, m.a.window, m.points[:0]).Points
		if len(m.points) > 0 {
			return archive.Rows{Meter: m.a.l.store.Account(i).ID, Points: m.points}, nil
		}
	}
	return archive.Rows{}, io.EOF
}

// verified is a file that must turn out to be the one that was written last: what
// was changed behind our back is not overwritten.
type verified struct {
	*archive.Reader
	a *archiving
}

func (v *verified) Next() (archive.Rows, error) {
	if err := stopped(v.a.ctx); err != nil {
		return archive.Rows{}, err
	}
	rows, err := v.Reader.Next()
	if errors.Is(err, io.EOF) && v.a.expected != nil && v.SHA256() != v.a.expected.SHA256 {
		return archive.Rows{}, refused("archive %s was changed since it was written: nothing was overwritten; put the original back "+
			"(rows that were added can be restored from a copy under another name)", v.a.name)
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
