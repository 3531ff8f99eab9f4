package meter

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

const (
	// RowHeader is the first line of every file of rows.
	RowHeader = "meter_id,timestamp,reading"
	// WrittenRowBytesMax is more than a RowWriter writes for a row: an id, a timestamp with
	// an offset, 18 digits and a point.
	WrittenRowBytesMax = 128
	// RowBytesMax is the most bytes that a row from outside may have, far more than a
	// valid one has.
	RowBytesMax = 64 << 10
)

var (
	// ErrRowSyntax says that a row does not have the form of a CSV row of three values.
	ErrRowSyntax = errors.New("cannot be parsed")
	// ErrRowTooLong says that a row has more than RowBytesMax.
	ErrRowTooLong = fmt.Errorf("is longer than %d bytes", RowBytesMax)
)

// RowFault returns what is wrong with one row of a list, and nil if err is about more than
// that. A row that cannot be parsed gets the code malformed.
func RowFault(err error, malformed Code) *Error {
	if errors.Is(err, ErrRowSyntax) || errors.Is(err, ErrRowTooLong) {
		return Invalid(malformed, "row", "%v", err)
	}
	fault, _ := errors.AsType[*Error](err)
	return fault
}

// Row is a Reading as it is read off a long list: the bytes that name its meter belong
// to the list, and a caller that keeps the row copies them.
type Row struct {
	Meter    []byte
	Slot     Slot
	Register Register
}

// Row returns r as a Row.
func (r Reading) Row() Row { return Row{[]byte(r.Meter), r.Slot, r.Register} }

const (
	// RefusalsMax is how many refused rows of one sender are listed; all are counted.
	RefusalsMax = 1000
	// RefusedRunMax is how many rows of one sender may be refused for good one after the
	// other. A sender of more does not send readings.
	RefusedRunMax = 100_000
)

// Refusal is a row that was not taken, and why.
type Refusal struct {
	Row int
	Err error
}

// Tally is what became of many rows.
type Tally struct {
	Accepted, Duplicates, Refused int
	Retry                         int       // of the refused: worth sending again as they are
	Refusals                      []Refusal // the first rows to send again, and then the first others, both in order
}

// Retriable returns why the first row to send again was refused: one whose reason passes, if
// there is one among those that are listed. It is nil if no row is worth it.
func (t *Tally) Retriable() error {
	listed := t.Refusals[:min(t.Retry, len(t.Refusals))]
	if len(listed) == 0 {
		return nil
	}
	return listed[max(0, slices.IndexFunc(listed, func(r Refusal) bool { return Passes(r.Err) }))].Err
}

// ParseRow checks the three values of a row.
func ParseRow(zone *Zone, id, timestamp, reading string) (Reading, error) {
	var r Reading
	var err error
	if r.Meter, err = ParseID(id); err != nil {
		return r, err
	}
	if r.Slot, err = zone.ParseSlot("timestamp", timestamp); err != nil {
		return r, err
	}
	r.Register, err = ParseReading("reading", reading)
	return r, err
}

// RowParser reads long lists of rows as ParseRow does. It does not allocate if they are
// in the usual form. It is for one goroutine.
type RowParser struct{ calendar Calendar }

// NewRowParser returns a parser of rows whose times are a zone's.
func NewRowParser(zone *Zone) RowParser { return RowParser{NewCalendar(zone)} }

// Row checks the three values of a row, whose meter is the bytes given.
func (p *RowParser) Row(id, timestamp, reading []byte) (Row, error) {
	if !isID(id) {
		_, err := ParseID(id)
		return Row{}, err
	}
	point, err := p.Point(timestamp, reading)
	return Row{Meter: id, Slot: point.Slot, Register: point.Register}, err
}

// Point checks the two values of a row whose meter is known.
func (p *RowParser) Point(timestamp, reading []byte) (point Point, err error) {
	if point.Slot, err = p.calendar.ParseSlot("timestamp", timestamp); err == nil {
		point.Register, err = ParseReading("reading", reading)
	}
	return point, err
}

// SplitRow returns the values of a row as a RowWriter writes it.
func SplitRow(line []byte) (id, timestamp, reading []byte, ok bool) {
	first := bytes.IndexByte(line, ',')
	second := first + 1 + bytes.IndexByte(line[first+1:], ',')
	if first < 0 || second == first {
		return nil, nil, nil, false
	}
	return line[:first], line[first+1 : second], line[second+1:], true
}

// RowWriter writes rows. They need no quotes, and no spreadsheet can take a cell of them
// for a formula: ids begin with a letter or a digit, timestamps and registers with a
// digit. It is for one goroutine.
type RowWriter struct{ calendar Calendar }

// NewRowWriter returns a writer of rows whose times are a zone's.
func NewRowWriter(zone *Zone) RowWriter { return RowWriter{NewCalendar(zone)} }

// Append adds a row to b. It may overwrite some of b's capacity after that.
func (w *RowWriter) Append(b []byte, id ID, p Point) []byte {
	b = slices.Grow(b, WrittenRowBytesMax)
	row := b[len(b):][:WrittenRowBytesMax]
	at := copy(row, id)
	row[at] = ','
	stamp, ok := w.calendar.Text(p.Slot)
	if !ok {
		stamp = w.calendar.TurnTo(p.Slot)
	}
	at += 1 + stamp.Put(row[at+1:])
	row[at] = ','
	at += 1 + p.Register.Text().Put(row[at+1:])
	row[at] = '\n'
	return b[:len(b)+at+1]
}
