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

// readBytes is how much of a text is read at once.
const readBytes = 256 << 10

// CSVReader reads rows of meter_id,timestamp,reading from outside: in any
// order, quoted or not, with blanks around the values, with \r\n, with a byte
// order mark, with or without a last line break.
//
// A row is a line, even if a quote is opened and not closed in it: no value of a row
// can have a line break, and a quote that a device forgot must not swallow the rows
// that follow.
//
// A line of three values without quotes and blanks is read without allocating. All
// others go through encoding/csv, which is given one line at a time.
type CSVReader struct {
	in   *bufio.Reader
	line bytes.Reader // what csv reads
	csv  *csv.Reader
	zone *Zone
	rows RowParser
	row  int
}

// NewCSVReader reads the header.
func NewCSVReader(r io.Reader, zone *Zone) (*CSVReader, error) {
	c := &CSVReader{in: SkipByteOrderMark(bufio.NewReaderSize(r, readBytes)), zone: zone, rows: NewRowParser(zone)}
	c.csv = csv.NewReader(&c.line)
	c.csv.ReuseRecord = true
	c.csv.TrimLeadingSpace = true // a quote may follow a blank
	header, err := c.header()
	if err != nil && !errors.Is(err, ErrRowSyntax) {
		return nil, err
	}
	if !slices.Equal(header, strings.Split(RowHeader, ",")) {
		return nil, fmt.Errorf("%w: the first line must be %s", ErrRowSyntax, RowHeader)
	}
	return c, nil
}

// header returns the values of the first line that is not empty, and none if there is no
// such line.
func (c *CSVReader) header() ([]string, error) {
	for {
		line, err := ReadRowLine(c.in)
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if record, err := c.split(line); record != nil || err != nil {
			return record, err
		}
	}
}

// SkipByteOrderMark reads a byte order mark, if the text begins with one.
func SkipByteOrderMark(in *bufio.Reader) *bufio.Reader {
	if mark, _ := in.Peek(len(ByteOrderMark)); string(mark) == ByteOrderMark {
		_, _ = in.Discard(len(mark)) // cannot fail: they were peeked at
	}
	return in
}

// ByteOrderMark is what some programs of Windows write before a text.
const ByteOrderMark = "\ufeff"

// Row returns the number of the row that was read last, from 1, the header not counted.
func (c *CSVReader) Row() int { return c.row }

// AtHand reads rows until the list is full, or one comes that is not in the usual form or not
// read yet: that is for Next. They are valid until the next call, and Row is the number of the last.
func (c *CSVReader) AtHand(rows []Row) (n int) {
	n = ReadLines(c.in, rows, c.rows.usualLine)
	c.row += n
	return n
}

// ReadLines reads lines that are in in's buffer, until the list of their rows is full. line reads the one at the
// beginning of a text and returns its length; 0 ends it, and also says that there is not the whole line. The
// rows are valid until in is read again.
func ReadLines(in *bufio.Reader, rows []Row, line func(row *Row, text []byte) (length int)) (n int) {
	all, _ := in.Peek(in.Buffered())
	text := all
	for ; n < len(rows); n++ {
		length := line(&rows[n], text)
		if length == 0 {
			break
		}
		text = text[length:]
	}
	_, _ = in.Discard(len(all) - len(text)) // cannot fail: it was peeked at
	return n
}

// Next returns the next row, which is valid until the next call. After an error that has a
// RowFault the next row can still be read. After the last row the error is io.EOF.
func (c *CSVReader) Next() (Row, error) {
	for {
		line, err := ReadRowLine(c.in)
		if err == nil {
			if id, timestamp, reading, ok := SplitRow(withoutEnd(line)); ok {
				if row, err := c.rows.Row(id, timestamp, reading); err == nil {
					c.row++
					return row, nil
				}
			}
		}
		if row, isRow, err := c.unusual(line, err); isRow || err != nil {
			return row, err
		}
	}
}

// unusual reads a line as encoding/csv does, whatever it looks like. An empty one is no
// row.
func (c *CSVReader) unusual(line []byte, err error) (row Row, isRow bool, _ error) {
	if errors.Is(err, io.EOF) {
		return Row{}, false, io.EOF
	}
	var record []string
	if err == nil {
		record, err = c.split(line)
	}
	if err == nil && record == nil {
		return Row{}, false, nil
	}
	c.row++
	if err != nil {
		return Row{}, true, err
	}
	r, err := ParseRow(c.zone, record[0], record[1], record[2])
	return r.Row(), true, err
}

// split returns the values in a line, without the blanks around them, and none if it is
// empty.
func (c *CSVReader) split(line []byte) ([]string, error) {
	c.line.Reset(line)
	record, err := c.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	for i := range record {
		record[i] = strings.Trim(record[i], " \t")
	}
	if syntax, ok := errors.AsType[*csv.ParseError](err); ok {
		return nil, fmt.Errorf("%w: %v", ErrRowSyntax, syntax.Err)
	}
	return record, err
}

// ReadRowLine returns the next line, with its end if it has one, which is valid until the
// next call. The last line is followed by io.EOF. One that is longer than RowBytesMax is
// passed over, and ErrRowTooLong. in has room for more than RowBytesMax.
func ReadRowLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if err == nil && len(line) <= RowBytesMax {
		return line, nil
	}
	return readRestOfLine(in, line, err)
}

func readRestOfLine(in *bufio.Reader, line []byte, err error) ([]byte, error) {
	tooLong := len(line) > RowBytesMax
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = in.ReadSlice('\n')
	}
	switch {
	case errors.Is(err, io.EOF) && (tooLong || len(line) > 0):
		err = nil
	case err != nil:
		return nil, err
	}
	if tooLong {
		return nil, ErrRowTooLong
	}
	return line, nil
}

func withoutEnd(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line
}
