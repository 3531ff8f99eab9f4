package closing

import (
	"errors"
	"io"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// rowByRow takes the rows of a file in any form, as if meters had sent them, and returns its
// hash. Rows before a place that cannot be read are taken.
func (r *restorer) rowByRow(name string) (sum [32]byte, err error) {
	text, err := r.archive.OpenText(name)
	if err != nil {
		return sum, err
	}
	defer text.Close()
	r.run.progress.begin("reading "+name, 0, text.Size())
	in, err := meter.NewCSVReader(text, r.zone)
	if failure := text.Failure(); failure != nil {
		return sum, failure
	}
	if fault := meter.RowFault(err, meter.CodeInvalidParameter); fault != nil {
		r.refuse(name, 0, fault)
		return sum, nil
	}
	if err != nil {
		return sum, err
	}
	rows := r.restore(r.ctx, func(i store.Index, recorded bool) {
		r.rows++
		if recorded {
			r.touch(i)
		}
	})
	for told := int64(0); ; {
		row, err := in.Next()
		if read := text.BytesRead(); read > told {
			r.did(read - told)
			told = read
		}
		if failure := text.Failure(); failure != nil || errors.Is(err, io.EOF) {
			return text.SHA256(), errors.Join(failure, r.flush(name, rows))
		}
		if err == nil {
			err = rows.Add(in.Row(), row)
		} else if fault := meter.RowFault(err, meter.CodeInvalidParameter); fault != nil {
			err = rows.Refuse(in.Row(), fault)
		}
		if err = errors.Join(err, meter.Stopped(r.ctx)); err != nil {
			return sum, err
		}
	}
}

func (r *restorer) flush(name string, rows Rows) error {
	tally, err := rows.Flush()
	r.restored.Readings += tally.Accepted
	r.restored.Duplicates += tally.Duplicates
	r.refused(name, tally)
	r.did(0)
	return err
}

// did counts the rows that were decided since, and bytes of the file that were read.
func (r *restorer) did(bytes int64) {
	r.run.rows += uint64(r.rows)
	r.run.progress.did(0, r.rows, bytes)
	r.rows = 0
}
