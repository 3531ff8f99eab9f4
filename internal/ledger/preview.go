package ledger

import (
	"context"
	"errors"
	"slices"

	"meterledger/internal/archive"
)

// preview lists what a run would write. Nothing is recorded, held back or written.
func (l *Ledger) preview(ctx context.Context, run *Run, q MaintenanceRequest, daily, monthly bool) error {
	if daily {
		job := l.dayJob(ctx, run, q.Day)
		if err := job.preview(); err != nil {
			return err
		}
	}
	if !monthly {
		return nil
	}
	for _, month := range l.dueMonths(q.Month) {
		job, _ := l.monthJob(ctx, run, month)
		if err := job.preview(); err != nil {
			return err
		}
	}
	return nil
}

// preview writes the archive nowhere. A file in its way, whose rows a run would
// record first, is merged unjudged; that takes one which is as we write it.
func (a *archiving) preview() error {
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
	written, err := a.l.archive.Preview(archive.Merge(sources...), func(rows archive.Rows) error {
		if _, registered := a.l.store.Lookup(rows.Meter); !registered {
			return refused("%s would not be written: the file that is there has rows of meter %s, which is not registered", a.name, rows.Meter)
		}
		a.run.progress.did(0, len(rows.Points), 0)
		return stopped(a.ctx)
	})
	if err != nil {
		return a.explain(err)
	}
	a.run.Archives = append(a.run.Archives, ArchiveInfo{a.period, a.l.archive.Path(a.name), written.Rows, written.SHA256})
	return nil
}

// foreign opens a file in the way that is not known to be ours.
func (a *archiving) foreign() ([]archive.Source, error) {
	if err := a.l.checkManifest(a.name); err != nil {
		return nil, err
	}
	reader, err := a.l.archive.Read(a.name)
	if errors.Is(err, archive.ErrMissing) {
		return nil, nil
	}
	if err != nil {
		return nil, a.explain(err)
	}
	a.opened = append(a.opened, reader)
	return []archive.Source{reader}, nil
}
