package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"

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
	r := &restorer{l: l, meters: make(map[store.Index]struct{})}
	run, err := l.start(Restore, "all", r.all)
	if err != nil {
		return Restored{}, err
	}
	<-run.Done()
	r.restored.Meters = len(r.meters)
	return r.restored, run.Err
}

type restorer struct {
	l        *Ledger
	run      *Run
	restored Restored
	meters   map[store.Index]struct{}
	file     string
	rows     int // of the file that progress does not know of yet
}

func (r *restorer) all(ctx context.Context, run *Run) error {
	r.run = run
	files, err := r.l.archive.Files()
	if err != nil {
		return err
	}
	for _, file := range files {
		size, err := r.l.archive.Size(file)
		if err != nil {
			return err
		}
		run.progress.beginBytes("reading "+file, size)
		r.file = file
		known, err := r.isClosed() // then its readings are where queries look for them
		if err == nil && !known {
			err = r.one(ctx)
		}
		if err != nil {
			return fmt.Errorf("restoring %s: %w", file, err)
		}
	}
	return nil
}

// isClosed reports whether the file is the archive of a closed month, as it was
// written.
func (r *restorer) isClosed() (bool, error) {
	for _, month := range r.l.store.Months() {
		if archive.MonthlyName(month.Month) == r.file {
			sum, err := r.l.archive.SHA256(r.file)
			return sum == month.SHA256, err
		}
	}
	return false, nil
}

func (r *restorer) one(ctx context.Context) error {
	file, err := r.l.archive.Open(r.file)
	if err != nil {
		return err
	}
	defer file.Close()
	in, err := archive.NewCSVReader(&watched{file, r}, r.l.zone)
	if errors.Is(err, archive.ErrSyntax) || errors.Is(err, archive.ErrRowTooLong) {
		r.restored.Refused++
		r.list(0, meter.Invalid(meter.CodeInvalidParameter, "row", "%v", err))
		return nil
	}
	if err != nil {
		return err
	}
	bulk := r.bulk(ctx)
	for {
		row, err := in.Next()
		var broken *meter.Error
		switch {
		case errors.Is(err, io.EOF):
			return r.flush(bulk)
		case errors.Is(err, archive.ErrSyntax), errors.Is(err, archive.ErrRowTooLong):
			err = bulk.Refuse(in.Row(), meter.Invalid(meter.CodeInvalidParameter, "row", "%v", err))
		case errors.As(err, &broken):
			err = bulk.Refuse(in.Row(), err)
		case err == nil:
			err = bulk.Add(in.Row(), row)
		}
		if err = errors.Join(err, stopped(ctx)); err != nil {
			return err
		}
	}
}

// bulk takes rows also while reception is shut down, and notes the meters.
func (r *restorer) bulk(ctx context.Context) *Bulk {
	b := r.l.Bulk(ctx)
	b.settings.restore = true
	b.settings.each = func(_ int, i store.Index, result Result) {
		r.rows++
		if result.Err == nil && !result.Duplicate {
			r.meters[i] = struct{}{}
		}
	}
	return b
}

func (r *restorer) flush(b *Bulk) error {
	tally, err := b.Flush()
	r.restored.Readings += tally.Accepted
	r.restored.Duplicates += tally.Duplicates
	for _, refusal := range tally.Refusals {
		r.list(refusal.Row, refusal.Err)
	}
	r.restored.Refused += tally.Refused
	r.did(0)
	return err
}

// did counts the rows that were decided since, and bytes of the file that were read.
func (r *restorer) did(bytes int) {
	r.run.rows += uint64(r.rows)
	r.run.progress.did(0, r.rows, int64(bytes))
	r.rows = 0
}

// watched is the file that is being read, and counts that.
type watched struct {
	io.Reader
	r *restorer
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.r.did(n)
	return n, err
}

// list notes a refused row while there is room in the list.
func (r *restorer) list(row int, err error) {
	if len(r.restored.List) < RefusalsMax {
		r.restored.List = append(r.restored.List, RefusedRow{r.file, row, err})
	}
}
