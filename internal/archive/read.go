package archive

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"meterledger/internal/meter"
)

// RowError says that a row of an archive is not as this package writes it.
type RowError struct {
	File string
	Row  uint64 // from 1, the header not counted; 0 for the header
	Err  error
}

func (e *RowError) Error() string {
	return fmt.Sprintf("archive %s, row %d: %v", e.File, e.Row, e.Err)
}

func (e *RowError) Unwrap() error { return e.Err }

// Reader is a Source that reads a file which this package wrote.
type Reader struct {
	name   string
	file   *File
	tap    *tap
	in     *bufio.Reader
	text   io.Closer
	values meter.RowParser
	row    uint64
	rows   Rows
	ahead  meter.Point // the first row of the meter after rows
	next   meter.ID    // that meter
	ended  bool        // there is no row ahead
}

// Read opens a file of the folder to be read as a Source.
func (f *Folder) Read(name string) (*Reader, error) {
	file, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	r := &Reader{
		name: name, file: file, tap: &tap{from: file, sum: sha256.New()}, values: meter.NewRowParser(f.zone),
	}
	text, err := file.decode(r.tap)
	if err != nil {
		return nil, errors.Join(r.fail(err), file.Close())
	}
	r.in, r.text = bufio.NewReaderSize(text, bufferBytes), text
	line, err := r.in.ReadSlice('\n')
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
	if err != nil {
		return r.fail(err)
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

func (r *Reader) fail(err error) error { return &RowError{r.name, r.row, err} }

// BytesRead returns how many bytes of the file were read.
func (r *Reader) BytesRead() int64 { return r.tap.bytes }

// Size returns how many bytes the file has.
func (r *Reader) Size() int64 { return r.file.size }

// SHA256 returns the hash of the file. It is only known once Next has said io.EOF.
func (r *Reader) SHA256() [32]byte { return [32]byte(r.tap.sum.Sum(nil)) }

// Close closes the file.
func (r *Reader) Close() error { return errors.Join(r.text.Close(), r.file.Close()) }

// tap hashes and counts what is read of a file.
type tap struct {
	from  io.Reader
	sum   hash.Hash
	bytes int64
}

func (t *tap) Read(b []byte) (int, error) {
	n, err := t.from.Read(b)
	t.sum.Write(b[:n]) // never fails
	t.bytes += int64(n)
	return n, err
}
