package closing

import (
	"errors"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
)

// preview lists what a run would write for a period. Nothing is recorded, held back or
// written.
func (t task) preview(p meter.Period) error {
	due := []meter.Period{p}
	if p.IsMonth() {
		due = due[:0]
		for _, month := range t.dueMonths(p.CalendarMonth()) {
			due = append(due, month.Period())
		}
	}
	for _, p := range due {
		job := t.job(p)
		if err := job.count(); err != nil {
			return err
		}
	}
	return nil
}

// count counts the rows and writes nothing. A file that no run wrote, whose rows a run
// would record first, is merged unjudged; it must be in this program's form.
func (a *archiveJob) count() error {
	defer a.close()
	source, err := a.source("counting for ")
	if err != nil {
		return err
	}
	if a.expected == nil {
		foreign, err := a.foreign()
		if err != nil {
			return err
		}
		if foreign != nil {
			source = archive.Merge(source, foreign, a.store.Replaced)
		}
	}
	written, err := a.archive.Preview(source, func(rows archive.Rows) error {
		if _, registered := a.store.Lookup(rows.Meter); !registered {
			return archive.Refused("%s would not be written: the file that is there has rows of meter %s, which is not registered", a.name, rows.Meter)
		}
		a.run.progress.did(0, len(rows.Points), 0)
		return meter.Stopped(a.ctx)
	})
	if err != nil {
		return a.explain(err)
	}
	a.run.rows += written.Rows
	a.run.Archives = append(a.run.Archives, ArchiveInfo{a.period, a.archive.Path(a.name), written.Rows, written.SHA256})
	return nil
}

// foreign opens a file that has the archive's name and that no run wrote. If there is
// none, it returns nil.
func (a *archiveJob) foreign() (archive.Source, error) {
	if err := a.checkManifest(a.name); err != nil {
		return nil, err
	}
	reader, err := a.archive.Read(a.name)
	if errors.Is(err, archive.ErrMissing) {
		return nil, nil
	}
	if err != nil {
		return nil, a.explain(err)
	}
	a.opened = append(a.opened, reader)
	return reader, nil
}
