package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
)

const (
	refusedListMax = 1000 // rows that are listed; all are counted
	restoreRows    = 4096 // rows that are handed in together
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
	r := &restorer{l: l, meters: make(map[meter.ID]struct{})}
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
	meters   map[meter.ID]struct{}

	file string
	rows []int // of the readings that wait
	wait []meter.Reading
}

func (r *restorer) all(ctx context.Context, run *Run) error {
	r.run = run
	files, err := r.l.archive.Files()
	if err != nil {
		return err
	}
	for _, file := range files {
		run.progress.begin("reading "+file, 0)
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
	in, err := archive.NewCSVReader(file, r.l.zone)
	if errors.Is(err, archive.ErrSyntax) {
		r.refuse(0, err)
		return nil
	}
	if err != nil {
		return err
	}
	for {
		reading, err := in.Next()
		var broken *meter.Error
		switch {
		case errors.Is(err, io.EOF):
			return r.flush(ctx)
		case errors.As(err, &broken), errors.Is(err, archive.ErrSyntax):
			r.refuse(in.Row(), err)
			continue
		case err != nil:
			return err
		}
		r.rows, r.wait = append(r.rows, in.Row()), append(r.wait, reading)
		if len(r.wait) == restoreRows {
			if err := r.flush(ctx); err != nil {
				return err
			}
		}
	}
}

func (r *restorer) flush(ctx context.Context) error {
	if err := stopped(ctx); err != nil {
		return err
	}
	results, err := r.l.record(ctx, r.wait, recorder{l: r.l, wait: true, restore: true})
	if err != nil {
		return err
	}
	for i, result := range results {
		switch {
		case result.Err != nil:
			r.refuse(r.rows[i], result.Err)
		case result.Duplicate:
			r.restored.Duplicates++
		default:
			r.restored.Readings++
			r.meters[r.wait[i].Meter] = struct{}{}
		}
	}
	r.run.progress.rows.Add(uint64(len(results)))
	r.rows, r.wait = r.rows[:0], r.wait[:0]
	return nil
}

func (r *restorer) refuse(row int, err error) {
	if errors.Is(err, archive.ErrSyntax) {
		err = meter.Invalid(meter.CodeInvalidParameter, "row", "%v", err)
	}
	r.restored.Refused++
	if len(r.restored.List) < refusedListMax {
		r.restored.List = append(r.restored.List, RefusedRow{r.file, row, err})
	}
}
