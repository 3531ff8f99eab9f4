package archive

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"meterledger/internal/meter"
)

// Reader is a Source that reads a file which this package wrote.
type Reader struct {
	*Text
	in     *bufio.Reader
	values meter.RowParser
	row    uint64
	rows   Rows
	next   meter.ID    // the meter after rows
	ahead  meter.Point // its first row
	ended  bool        // there is no row ahead
}

// Read opens a file of the folder to be read as a Source.
func (f *Folder) Read(name string) (*Reader, error) {
	text, err := f.OpenText(name)
	if err != nil {
		return nil, err
	}
	r := &Reader{Text: text, in: bufio.NewReaderSize(text, bufferBytes), values: meter.NewRowParser(f.zone)}
	line, err := r.in.ReadSlice('\n')
	if failure := text.Failure(); failure != nil {
		return nil, errors.Join(failure, r.Close())
	}
	if err != nil || string(line) != meter.RowHeader+"\n" {
		return nil, errors.Join(r.fail(fmt.Errorf("header must be %q", meter.RowHeader)), r.Close())
	}
	if err := r.scan(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Next returns the rows of the next meter.
func (r *Reader) Next() (Rows, error) {
	if r.ended {
		return Rows{}, io.EOF
	}
	r.rows.Meter = r.next
	r.rows.Points = append(r.rows.Points[:0], r.ahead)
	for {
		last := r.ahead.Slot
		if err := r.scan(); err != nil {
			return Rows{}, err
		}
		switch {
		case r.ended:
			return r.rows, nil
		case r.next < r.rows.Meter || r.next == r.rows.Meter && r.ahead.Slot <= last:
			return Rows{}, r.fail(errors.New("is not in order of meter and time"))
		case r.next != r.rows.Meter:
			return r.rows, nil
		}
		r.rows.Points = append(r.rows.Points, r.ahead)
	}
}

// scan reads one row into next and ahead.
func (r *Reader) scan() error {
	line, err := r.in.ReadSlice('\n')
	if errors.Is(err, io.EOF) && len(line) == 0 {
		r.ended = true
		return nil
	}
	r.row++
	if errors.Is(err, io.EOF) {
		return r.fail(errors.New("is cut off")) // and must not be taken for the end
	}
	switch failure := r.Failure(); {
	case failure != nil:
		return failure
	case err != nil:
		return r.fail(err)
	case len(line) > meter.WrittenRowBytesMax:
		return r.fail(errors.New("is longer than any that is written")) // and would not be found
	}
	id, timestamp, reading, ok := meter.SplitRow(line[:len(line)-1])
	if !ok {
		return r.fail(errors.New("does not have three fields"))
	}
	if r.row == 1 || string(r.next) != string(id) {
		if r.next, err = meter.ParseID(id); err != nil {
			return r.fail(err)
		}
	}
	if r.ahead, err = r.values.Point(timestamp, reading); err != nil {
		return r.fail(err)
	}
	return nil
}

func (r *Reader) fail(err error) error { return &RowError{r.file.name, r.row, err} }

// OwnReader is a Source that reads a file whose hash must be one of those that the ledger
// wrote down: a file that somebody changed is neither merged nor handed out as a whole.
type OwnReader struct {
	*Reader

	ctx  context.Context
	sums [][32]byte
}

// ReadOwn opens a file that has one of the hashes given. Its Next fails with
// meter.ErrStopped once ctx is done, and at the end if the hash is another one.
func (f *Folder) ReadOwn(ctx context.Context, name string, sums ...[32]byte) (*OwnReader, error) {
	reader, err := f.Read(name)
	if errors.Is(err, ErrMissing) {
		return nil, Missing(name)
	}
	if err != nil {
		return nil, err
	}
	return &OwnReader{reader, ctx, sums}, nil
}

// Next returns the rows of the next meter.
func (r *OwnReader) Next() (Rows, error) {
	if err := meter.Stopped(r.ctx); err != nil {
		return Rows{}, err
	}
	rows, err := r.Reader.Next()
	if errors.Is(err, io.EOF) && !slices.Contains(r.sums, r.SHA256()) {
		return Rows{}, Changed(r.file.name)
	}
	return rows, err
}
