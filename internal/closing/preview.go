package closing

import (
	"context"
	"errors"
	"slices"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
)

// preview lists what a run would write for a period. Nothing is recorded, held back or
// written.
func (rs *Runs) preview(ctx context.Context, run *Run, p meter.Period) error {
	due := []meter.Period{p}
	if p.IsMonth() {
		due = due[:0]
		for _, month := range rs.dueMonths(p.CalendarMonth()) {
			due = append(due, month.Period())
		}
	}
	for _, p := range due {
		job := rs.job(ctx, run, p)
		if err := job.preview(); err != nil {
			return err
		}
	}
	return nil
}

// preview counts the rows and writes nothing. A file that no run wrote, whose rows a run
// would record first, is merged unjudged; it must be in this program's form.
func (a *archiveJob) preview() error {
	defer a.close()
	sources, err := a.sources("counting for ")
	if err != nil {
		return err
	}
	if a.expected == nil {
		foreign, err := a.foreign()
		if err != nil {
			return err
		}
		sources = slices.Concat(sources, foreign)
	}
	written, err := a.runs.archive.Preview(archive.Merge(sources...), func(rows archive.Rows) error {
		if _, registered := a.runs.store.Lookup(rows.Meter); !registered {
			return archive.Refused("%s would not be written: the file that is there has rows of meter %s, which is not registered", a.name, rows.Meter)
		}
		a.run.progress.did(0, len(rows.Points), 0)
		return meter.Stopped(a.ctx)
	})
	if err != nil {
		return a.explain(err)
	}
	a.run.Archives = append(a.run.Archives, ArchiveInfo{a.period, a.runs.archive.Path(a.name), written.Rows, written.SHA256})
	return nil
}

// foreign opens a file that has the archive's name and that no run wrote.
func (a *archiveJob) foreign() ([]archive.Source, error) {
	if err := a.runs.checkManifest(a.name); err != nil {
		return nil, err
	}
	reader, err := a.runs.archive.Read(a.name)
	if errors.Is(err, archive.ErrMissing) {
		return nil, nil
	}
	if err != nil {
		return nil, a.explain(err)
	}
	a.opened = append(a.opened, reader)
	return []archive.Source{reader}, nil
}
