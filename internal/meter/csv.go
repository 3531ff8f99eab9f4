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
// A line of three values without quotes and blanks is read without allocating. All
// others go through encoding/csv, which is given the text line by line and so never
// reads ahead.
type CSVReader struct {
	lines *csvLines
	csv   *csv.Reader
	zone  *Zone
	rows  RowParser
	row   int
}

// NewCSVReader reads the header.
func NewCSVReader(r io.Reader, zone *Zone) (*CSVReader, error) {
	lines := &csvLines{in: bufio.NewReaderSize(r, readBytes)}
	in := csv.NewReader(lines)
	in.ReuseRecord = true
	in.TrimLeadingSpace = true // a quote may follow a blank
	c := &CSVReader{lines: lines, csv: in, zone: zone, rows: NewRowParser(zone)}
	if mark, _ := lines.in.Peek(3); string(mark) == "\ufeff" {
		_, _ = lines.in.Discard(len(mark)) // cannot fail: they were peeked at
	}
	header, err := in.Read()
	var syntax *csv.ParseError
	if err != nil && !errors.Is(err, io.EOF) && !errors.As(err, &syntax) {
		return nil, err
	}
	trim(header)
	if !slices.Equal(header, strings.Split(RowHeader, ",")) {
		return nil, fmt.Errorf("%w: the first line must be %s", ErrRowSyntax, RowHeader)
	}
	return c, nil
}

// Row returns the number of the row that was read last, from 1, the header not counted.
func (c *CSVReader) Row() int { return c.row }

// Next returns the next row, which is valid until the next call. A value that
// breaks a rule is a *Error, and the next row can still be read. So can it
// after ErrRowSyntax and ErrRowTooLong. After the last row the error is io.EOF.
func (c *CSVReader) Next() (Row, error) {
	if id, timestamp, reading, ok := SplitRow(c.lines.next()); ok {
		if row, err := c.rows.Row(id, timestamp, reading); err == nil {
			c.lines.drop()
			c.row++
			return row, nil
		}
	}
	return c.unusual()
}

// unusual reads the next row as encoding/csv does, whatever it looks like.
func (c *CSVReader) unusual() (Row, error) {
	record, err := c.csv.Read()
	if errors.Is(err, io.EOF) {
		return Row{}, io.EOF
	}
	c.row++
	var syntax *csv.ParseError
	switch {
	case c.lines.skip:
		return Row{}, ErrRowTooLong
	case errors.As(err, &syntax):
		return Row{}, fmt.Errorf("%w: %v", ErrRowSyntax, syntax.Err)
	case err != nil:
		return Row{}, err
	}
	trim(record)
	r, err := ParseRow(c.zone, record[0], record[1], record[2])
	return r.Row(), err
}

func trim(record []string) {
	for i := range record {
		record[i] = strings.Trim(record[i], " \t")
	}
}

// csvLines hands a text to a csv.Reader in pieces that never reach beyond a line,
// and lets the line that comes next be looked at.
type csvLines struct {
	in     *bufio.Reader
	ahead  []byte // what was read and not handed out yet: at most a line
	err    error  // what came after ahead
	handed int    // bytes of the row so far
	skip   bool   // to the end of the line
}

// next looks at the next line, without its end, and begins a row. The line is empty if it
// is not whole, or too long.
func (l *csvLines) next() []byte {
	l.handed = 0
	if l.skip {
		l.skipLine()
	}
	if len(l.ahead) == 0 && l.err == nil {
		l.read()
	}
	if l.err != nil || len(l.ahead) > RowBytesMax {
		return nil
	}
	end := len(l.ahead) - 1
	if end > 0 && l.ahead[end-1] == '\r' {
		end--
	}
	return l.ahead[:end]
}

// drop passes over the line that next returned.
func (l *csvLines) drop() { l.ahead = nil }

// Read hands out what remains of the line, and the next line after it.
func (l *csvLines) Read(p []byte) (int, error) {
	if len(l.ahead) == 0 && l.err == nil {
		l.read()
	}
	if len(l.ahead) == 0 {
		return 0, l.err
	}
	n := copy(p, l.ahead)
	if l.handed += n; l.handed > RowBytesMax {
		l.skip = true
		return 0, ErrRowTooLong
	}
	l.ahead = l.ahead[n:]
	return n, nil
}

// read fetches a line, or as much of it as there is room for.
func (l *csvLines) read() {
	l.ahead, l.err = l.in.ReadSlice('\n')
	if errors.Is(l.err, bufio.ErrBufferFull) {
		l.err = nil
	}
}

// skipLine passes over the rest of a line that is too long.
func (l *csvLines) skipLine() {
	for l.err == nil && !bytes.HasSuffix(l.ahead, []byte{'\n'}) {
		l.read()
	}
	l.ahead, l.skip = nil, false
}
