package archive

import (
	"errors"
	"io"

	"meterledger/internal/meter"
)

// Rows is one meter's part of an archive, in order of time.
type Rows struct {
	Meter  meter.ID
	Points []meter.Point

	// IsWhole says of rows in memory that the archive has none which are not among them.
	IsWhole bool
}

// Source hands out rows meter by meter, in the byte order of their ids, and
// io.EOF after the last. What it returns is valid until the next call.
type Source interface {
	Next() (Rows, error)
}

// Merge returns the union of sources. Two registers for one reading are a ConflictError.
func Merge(sources ...Source) Source {
	merged := Source(&pairSource{}) // of nothing
	for _, source := range sources {
		merged = pair(merged, source, (&union{}).of)
	}
	return merged
}

// WithMemory joins a month's file, which may be nil, with the part of the month that is in
// memory. A meter's rows are in memory or in the file. If memory's are whole, the file's are
// among them; if they are not, because the file was altered when they were recalled, that is
// a ConflictError. Otherwise what memory holds of the meter comes after its rows in the file.
func WithMemory(file, memory Source) Source {
	if file == nil {
		return memory
	}
	var joined union
	return pair(file, memory, func(archived, held Rows) (Rows, error) {
		if held.IsWhole {
			return joined.of(archived, held)
		}
		last := archived.Points[len(archived.Points)-1].Slot
		for _, p := range held.Points {
			if p.Slot > last {
				archived.Points = append(archived.Points, p)
			}
		}
		return archived, nil
	})
}

// pairSource takes two sources together, meter by meter.
type pairSource struct {
	a, b cursor
	both func(a, b Rows) (Rows, error) // makes one of the rows of a meter that both have
}

func pair(a, b Source, both func(a, b Rows) (Rows, error)) *pairSource {
	return &pairSource{cursor{source: a, isTaken: true}, cursor{source: b, isTaken: true}, both}
}

func (p *pairSource) Next() (Rows, error) {
	if err := p.a.advance(); err != nil {
		return Rows{}, err
	}
	if err := p.b.advance(); err != nil {
		return Rows{}, err
	}
	a, b := p.a.head.Meter, p.b.head.Meter
	switch {
	case a == "" && b == "":
		return Rows{}, io.EOF
	case b == "" || a != "" && a < b:
		return p.a.take(), nil
	case a == "" || b < a:
		return p.b.take(), nil
	default:
		return p.both(p.a.take(), p.b.take())
	}
}

// cursor looks one meter ahead in a source.
type cursor struct {
	source  Source
	head    Rows // no meter after the last
	isTaken bool // head was handed out
}

// advance reads the next head if the present one was taken.
func (c *cursor) advance() (err error) {
	if !c.isTaken {
		return nil
	}
	if c.head, err = c.source.Next(); errors.Is(err, io.EOF) {
		c.head, err = Rows{}, nil
	}
	c.isTaken = false
	return err
}

func (c *cursor) take() Rows {
	c.isTaken = true
	return c.head
}

// union joins the points of two rows in a buffer of its own.
type union struct{ points []meter.Point }

func (u *union) of(first, second Rows) (Rows, error) {
	a, b, out := first.Points, second.Points, u.points[:0]
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].Slot < b[0].Slot:
			out, a = append(out, a[0]), a[1:]
		case a[0].Slot > b[0].Slot:
			out, b = append(out, b[0]), b[1:]
		case a[0].Register != b[0].Register:
			return Rows{}, &ConflictError{first.Meter, a[0].Slot, a[0].Register, b[0].Register}
		default:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		}
	}
	u.points = append(append(out, a...), b...)
	return Rows{Meter: first.Meter, Points: u.points}, nil
}

// Within returns the part of a Source that lies in a window.
func Within(w meter.Window, source Source) Source { return &windowSource{source, w} }

type windowSource struct {
	source Source
	window meter.Window
}

func (s *windowSource) Next() (Rows, error) {
	for {
		rows, err := s.source.Next()
		if err != nil {
			return Rows{}, err
		}
		kept := rows.Points[:0]
		for _, p := range rows.Points {
			if s.window.Contains(p.Slot) {
				kept = append(kept, p)
			}
		}
		if rows.Points = kept; len(kept) > 0 {
			return rows, nil
		}
	}
}
