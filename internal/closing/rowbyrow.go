package closing

import (
	"context"
	"errors"
	"io"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// rowByRow takes the rows of a file, of ours or of others, as if meters had sent them.
func (r *restorer) rowByRow(ctx context.Context, name string) error {
	text, err := r.runs.archive.OpenText(name)
	if err != nil {
		return err
	}
	defer text.Close()
	r.run.progress.beginBytes("reading "+name, text.Size())
	in, err := meter.NewCSVReader(text, r.runs.zone)
	if errors.Is(err, meter.ErrRowSyntax) || errors.Is(err, meter.ErrRowTooLong) {
		r.refuse(name, 0, meter.Invalid(meter.CodeInvalidParameter, "row", "%v", err))
		return nil
	}
	if err != nil {
		return err
	}
	bulk := r.bulk(ctx)
	for told := int64(0); ; {
		row, err := in.Next()
		if read := text.BytesRead(); read > told {
			r.did(read - told)
			told = read
		}
		var broken *meter.Error
		switch {
		case errors.Is(err, io.EOF):
			return r.flush(name, bulk)
		case errors.Is(err, meter.ErrRowSyntax), errors.Is(err, meter.ErrRowTooLong):
			err = bulk.Refuse(in.Row(), meter.Invalid(meter.CodeInvalidParameter, "row", "%v", err))
		case errors.As(err, &broken):
			err = bulk.Refuse(in.Row(), err)
		case err == nil:
			err = bulk.Add(in.Row(), row)
		}
		if err = errors.Join(err, meter.Stopped(ctx)); err != nil {
			return err
		}
	}
}

// bulk takes rows also while reception is shut down, and notes the meters.
func (r *restorer) bulk(ctx context.Context) Rows {
	return r.runs.restore(ctx, func(i store.Index, recorded bool) {
		r.rows++
		if recorded {
			r.touch(i)
		}
	})
}

func (r *restorer) flush(name string, rows Rows) error {
	tally, err := rows.Flush()
	r.restored.Readings += tally.Accepted
	r.restored.Duplicates += tally.Duplicates
	for _, refusal := range tally.Refusals {
		r.list(name, refusal.Row, refusal.Err)
	}
	r.restored.Refused += tally.Refused
	r.did(0)
	return err
}

// did counts the rows that were decided since, and bytes of the file that were read.
func (r *restorer) did(bytes int64) {
	r.run.rows += uint64(r.rows)
	r.run.progress.did(0, r.rows, bytes)
	r.rows = 0
}
