package meter

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// lineReader reads CSV from outside, one row a line: quoted or not, with \r\n, with a byte
// order mark. No value of a row can have a line break, and a quote that is not closed must not
// swallow the rows that follow.
type lineReader struct {
	in   *bufio.Reader
	line bytes.Reader // what csv reads
	csv  *csv.Reader
	row  int
}

// newLineReader reads the header, which must be the given one.
func newLineReader(r io.Reader, header string) (*lineReader, error) {
	l := &lineReader{in: SkipByteOrderMark(bufio.NewReaderSize(r, readBytes))}
	l.csv = csv.NewReader(&l.line)
	l.csv.ReuseRecord = true
	names, err := l.record()
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, ErrRowSyntax) {
		return nil, err
	}
	for i := range names {
		names[i] = strings.Trim(names[i], " \t")
	}
	if !slices.Equal(names, strings.Split(header, ",")) {
		return nil, fmt.Errorf("%w: the first line must be %s", ErrRowSyntax, header)
	}
	return l, nil
}

// Row returns the number of the row that was read last, from 1, the header not counted.
func (l *lineReader) Row() int { return l.row }

// next returns the values of the next row, which are valid until the next call. After
// ErrRowSyntax and ErrRowTooLong the next row can be read. After the last the error is io.EOF.
func (l *lineReader) next() ([]string, error) {
	record, err := l.record()
	if !errors.Is(err, io.EOF) {
		l.row++
	}
	return record, err
}

// record returns the values of the next line that is not empty.
func (l *lineReader) record() ([]string, error) {
	for {
		line, err := ReadRowLine(l.in)
		if err != nil {
			return nil, err
		}
		l.line.Reset(line)
		record, err := l.csv.Read()
		var syntax *csv.ParseError
		switch {
		case errors.As(err, &syntax):
			return nil, fmt.Errorf("%w: %v", ErrRowSyntax, syntax.Err)
		case !errors.Is(err, io.EOF):
			return record, err
		}
	}
}

// lineWriter writes CSV, which a lineReader reads.
type lineWriter struct{ csv *csv.Writer }

// newLineWriter writes the header.
func newLineWriter(w io.Writer, header string) lineWriter {
	l := lineWriter{csv.NewWriter(w)}
	l.write(strings.Split(header, ","))
	return l
}

func (w *lineWriter) write(values []string) { _ = w.csv.Write(values) } // Flush tells

// Failure returns the first error so far, or nil.
func (w *lineWriter) Failure() error { return w.csv.Error() }

// Flush writes what was held back, and returns the first error.
func (w *lineWriter) Flush() error {
	w.csv.Flush()
	return w.csv.Error()
}
