package archive

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"meterledger/internal/meter"
)

const (
	// RowBytesMax is the most that a row may have, far above any that is right.
	RowBytesMax = 64 << 10
	// readBytes is how much of a text is read together.
	readBytes = 256 << 10
)

// CSVReader reads rows of meter_id,timestamp,reading that others wrote: in any
// order, quoted or not, with blanks around the values, with \r\n, with a byte
// order mark, with or without a last line break.
//
// A line of three plain values is read without allocating. All others go through
// encoding/csv, which is given the text line by line and so never reads ahead.
type CSVReader struct {
	lines *csvLines
	csv   *csv.Reader
	zone  *meter.Zone
	plain *meter.RowParser
	row   int
}

// Why a text cannot be read on.
var (
	// ErrSyntax says that a text is not of the right shape, from some row on.
	ErrSyntax = errors.New("cannot be parsed")
	// ErrRowTooLong says that a row has more than RowBytesMax.
	ErrRowTooLong = fmt.Errorf("a row is longer than %d bytes", RowBytesMax)
)

// NewCSVReader reads the header.
func NewCSVReader(r io.Reader, zone *meter.Zone) (*CSVReader, error) {
	c := newCSVReader(r, zone)
	if mark, _ := c.lines.in.Peek(3); string(mark) == "\ufeff" {
		_, _ = c.lines.in.Discard(len(mark)) // cannot fail: they were peeked at
	}
	header, err := c.csv.Read()
	var syntax *csv.ParseError
	if err != nil && !errors.Is(err, io.EOF) && !errors.As(err, &syntax) {
		return nil, err
	}
	trim(header)
	if !slices.Equal(header, strings.Split(Header, ",")) {
		return nil, fmt.Errorf("%w: the first line must be %s", ErrSyntax, Header)
	}
	return c, nil
}

func newCSVReader(r io.Reader, zone *meter.Zone) *CSVReader {
	lines := &csvLines{in: bufio.NewReaderSize(r, readBytes)}
	in := csv.NewReader(lines)
	in.ReuseRecord = true
	in.TrimLeadingSpace = true // a quote may follow a blank
	return &CSVReader{lines: lines, csv: in, zone: zone, plain: meter.NewRowParser(zone)}
}

// Row returns the number of the row that was read last, from 1, the header not counted.
func (c *CSVReader) Row() int { return c.row }

// Next returns the next row, which is valid until the next call. A value that
// breaks a rule is a *meter.Error, and the next row can still be read. So can it
// after ErrSyntax and ErrRowTooLong, for whoever wants to go on. After the last row
// the error is io.EOF.
func (c *CSVReader) Next() (meter.Row, error) {
	if line := c.lines.next(); line != nil {
		if row, ok := c.parsePlain(line); ok {
			c.lines.drop()
			c.row++
			return row, nil
		}
	}
	return c.unusual()
}

// parsePlain reads a line of three plain values. Its timestamp is of one length, so only
// one comma is searched for.
func (c *CSVReader) parsePlain(line []byte) (meter.Row, bool) {
	comma := bytes.IndexByte(line, ',')
	second := comma + 1 + meter.PlainStampBytes
	if comma < 0 || second >= len(line) || line[second] != ',' {
		return meter.Row{}, false
	}
	return c.plain.Plain(line[:comma], line[comma+1:second], line[second+1:])
}

// unusual reads the next row as encoding/csv does, whatever it looks like.
func (c *CSVReader) unusual() (meter.Row, error) {
	record, err := c.csv.Read()
	if errors.Is(err, io.EOF) {
		return meter.Row{}, io.EOF
	}
	c.row++
	var syntax *csv.ParseError
	switch {
	case c.lines.skip:
		return meter.Row{}, ErrRowTooLong
	case errors.As(err, &syntax):
		return meter.Row{}, fmt.Errorf("%w: %v", ErrSyntax, syntax.Err)
	case err != nil:
		return meter.Row{}, err
	}
	trim(record)
	r, err := ParseRow(c.zone, record[0], record[1], record[2])
	return r.Row(), err
}

// ParseRow checks the three values of a row.
func ParseRow(zone *meter.Zone, id, timestamp, reading string) (meter.Reading, error) {
	var r meter.Reading
	var err error
	if r.Meter, err = meter.ParseID(id); err != nil {
		return r, err
	}
	if r.Slot, err = zone.ParseSlot("timestamp", timestamp); err != nil {
		return r, err
	}
	r.Register, err = meter.ParseReading("reading", reading)
	return r, err
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
	err    error  // what came behind ahead
	handed int    // bytes of the row so far
	skip   bool   // to the end of the line
}

// next looks at the next line, without its end, where it is whole and not too long.
// It begins a row.
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
