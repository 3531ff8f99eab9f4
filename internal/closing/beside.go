package closing

import (
	"context"
	"errors"
	"io"
	"iter"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
)

// Taker takes rows of a file that an operator puts back, each with its number. A Flush ends it.
type Taker[T any] interface {
	Add(number int, row T) error
	Refuse(number int, err error) error
	Flush() (meter.Tally, error)
}

// rowReader reads the rows of a file beside the archives.
type rowReader[T any] interface {
	Next() (T, error)
	Row() int
}

// besideFile is one of the files beside the archives.
type besideFile[T any] struct {
	name string
	open func(io.Reader) (rowReader[T], error) // reads the header
}

// writeBeside writes a file beside the archives, and its manifest.
func (t task) writeBeside(name string, content archive.Content, intend func(archive.Written) error) (archive.Written, error) {
	written, err := t.archive.WriteBeside(name, content, archive.Writing{
		Reserve: func(bytes int) error { return t.reserve(name, bytes) },
		Intend:  intend,
	})
	if err != nil {
		return written, err
	}
	return written, t.archive.WriteManifest(t.archive.NewManifest(t.archive.BesidePath(name), written, t.version, t.now()))
}

// openText opens a file beside the archives, and returns nil if there is none.
func (t task) openText(name string) (*archive.Text, error) {
	text, err := t.archive.OpenText(name)
	if errors.Is(err, archive.ErrMissing) {
		return nil, nil
	}
	return text, err
}

// rows hands out the rows of a file that is about to be written anew. A row that cannot be
// taken is an error, so that nothing is overwritten that is not safe elsewhere. A text that is
// nil has no rows.
func (f besideFile[T]) rows(t task, text *archive.Text) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if text == nil {
			return
		}
		in, err := f.open(text)
		number := 0
		for err == nil {
			var row T
			row, err = in.Next()
			number = in.Row()
			if errors.Is(err, io.EOF) && text.Failure() == nil {
				return
			}
			if err == nil {
				err = meter.Stopped(t.ctx)
			}
			if err == nil && !yield(row, nil) {
				return
			}
		}
		if failure := text.Failure(); failure != nil {
			err = failure
		} else if !errors.Is(err, meter.ErrStopped) {
			err = f.refused(number, err)
		}
		var none T
		yield(none, err)
	}
}

func (f besideFile[T]) refused(row int, err error) error {
	return archive.Refused("%s was not overwritten: its row %d cannot be taken: %v; mend the row or move the file away", f.name, row, err)
}

// restore hands the rows of a file that are wanted to a taker, and returns what became of them.
// Rows that cannot be read are refused.
func (f besideFile[T]) restore(r *restorer, begin func(context.Context) Taker[T], wants func(T) bool) (tally meter.Tally, err error) {
	rows := begin(r.ctx)
	err = f.each(r, func(number int, row T, fault *meter.Error) error {
		switch {
		case fault != nil:
			return rows.Refuse(number, fault)
		case wants(row):
			return rows.Add(number, row)
		}
		return nil
	})
	if err != nil && !isOfFile(err) {
		return tally, err
	}
	tally, ended := rows.Flush()
	r.refused(f.name, tally)
	return tally, errors.Join(err, ended)
}

// each calls take with every row of a file, or what is wrong with it. One that is wrong as a
// whole has the number 0.
func (f besideFile[T]) each(r *restorer, take func(number int, row T, fault *meter.Error) error) error {
	text, err := r.archive.OpenText(f.name)
	if err != nil {
		return err
	}
	defer text.Close()
	r.run.progress.begin("reading "+f.name, 0, text.Size())
	in, err := f.open(text)
	var none T
	if fault := meter.RowFault(err, meter.CodeInvalidParameter); fault != nil && text.Failure() == nil {
		return take(0, none, fault)
	}
	for err == nil {
		var row T
		row, err = in.Next()
		if text.Failure() != nil || errors.Is(err, io.EOF) {
			return text.Failure()
		}
		if fault := meter.RowFault(err, meter.CodeInvalidParameter); fault != nil {
			err = take(in.Row(), none, fault)
		} else if err == nil {
			err = take(in.Row(), row, nil)
		}
		err = errors.Join(err, meter.Stopped(r.ctx))
	}
	return errors.Join(text.Failure(), err)
}

// isOfFile reports whether an error is about a file that cannot be read, and not about the run.
func isOfFile(err error) bool {
	code := meter.CodeOf(err)
	return errors.Is(err, archive.ErrMissing) || code == meter.CodeArchiveConflict || code == meter.CodeArchiveUnavailable
}
