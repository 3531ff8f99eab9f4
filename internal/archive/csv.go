package archive

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"meterledger/internal/meter"
)

// CSVReader reads rows of meter_id,timestamp,reading that others wrote: in any
// order, quoted or not, with blanks around the values, with \r\n, with a byte
// order mark, with or without a last line break.
type CSVReader struct {
	in   *csv.Reader
	zone *meter.Zone
	row  int
}

// ErrSyntax says that a text is not of the right shape, from some row on.
var ErrSyntax = errors.New("cannot be parsed")

// NewCSVReader reads the header.
func NewCSVReader(r io.Reader, zone *meter.Zone) (*CSVReader, error) {
	buffered := bufio.NewReader(r)
	if mark, _ := buffered.Peek(3); string(mark) == "\ufeff" {
		_, _ = buffered.Discard(len(mark)) // cannot fail: they were peeked at
	}
	in := csv.NewReader(buffered)
	in.ReuseRecord = true
	in.TrimLeadingSpace = true // a quote may follow a blank
	header, err := in.Read()
	var syntax *csv.ParseError
	if err != nil && !errors.Is(err, io.EOF) && !errors.As(err, &syntax) {
		return nil, err
	}
	trim(header)
	if !slices.Equal(header, strings.Split(Header, ",")) {
		return nil, fmt.Errorf("%w: the first line must be %s", ErrSyntax, Header)
	}
	return &CSVReader{in: in, zone: zone}, nil
}

// Row returns the number of the row that was read last, from 1, the header not counted.
func (c *CSVReader) Row() int { return c.row }

// Next returns the next row. A value that breaks a rule is a *meter.Error, and the
// next row can still be read. So can it after ErrSyntax, for whoever wants to go
// on. After the last row the error is io.EOF.
func (c *CSVReader) Next() (meter.Reading, error) {
	record, err := c.in.Read()
	if errors.Is(err, io.EOF) {
		return meter.Reading{}, io.EOF
	}
	c.row++
	var syntax *csv.ParseError
	if errors.As(err, &syntax) {
		return meter.Reading{}, fmt.Errorf("%w: %v", ErrSyntax, syntax.Err)
	}
	if err != nil {
		return meter.Reading{}, err
	}
	trim(record)
	return ParseRow(c.zone, record[0], record[1], record[2])
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
