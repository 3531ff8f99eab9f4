package archive

import (
	"errors"
	"io"

	"meterledger/internal/meter"
)

// Part is what memory holds of a meter's rows.
type Part struct {
	Rows
	Whole bool // the file has none that memory lacks
}

// Divide joins a month's file, which may be nil, with what memory holds of the month.
// A meter's rows are in memory or in the file: those that memory holds as a whole are
// taken from there. What else it holds of a meter lies behind the meter's rows in the
// file. Both are sorted by meter, and each Rows is valid until the next.
func Divide(file Source, memory func() (Part, error)) Source {
	return &divided{file: file, memory: memory, rowUsed: file != nil, partUsed: true}
}

type divided struct {
	file              Source
	memory            func() (Part, error)
	row               Rows // the next of the file; no meter after the last
	part              Part // the next of memory, likewise
	rowUsed, partUsed bool // it was handed out
}

func (d *divided) Next() (Rows, error) {
	if err := d.advance(); err != nil {
		return Rows{}, err
	}
	row, part := d.row.Meter, d.part.Meter
	switch {
	case row == "" && part == "":
		return Rows{}, io.EOF
	case part == "" || row != "" && row < part:
		d.rowUsed = true
		return d.row, nil
	case row == "" || part < row:
		d.partUsed = true
		return d.part.Rows, nil
	}
	d.rowUsed, d.partUsed = true, true
	if d.part.Whole {
		return d.part.Rows, nil
	}
	return Rows{row, appendLater(d.row.Points, d.part.Points)}, nil
}

// advance reads anew what was handed out.
func (d *divided) advance() (err error) {
	if d.rowUsed {
		if d.row, err = d.file.Next(); errors.Is(err, io.EOF) {
			d.row, err = Rows{}, nil
		}
		d.rowUsed = false
	}
	if d.partUsed && err == nil {
		if d.part, err = d.memory(); errors.Is(err, io.EOF) {
			d.part, err = Part{}, nil
		}
		d.partUsed = false
	}
	return err
}

// appendLater adds the points that lie behind all others.
func appendLater(points, more []meter.Point) []meter.Point {
	last := points[len(points)-1].Slot
	for _, p := range more {
		if p.Slot > last {
			points = append(points, p)
		}
	}
	return points
}
