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

// Replaced reports whether a meter's register in a file was corrected or withdrawn since: then
// what is known else of its time counts.
type Replaced func(meter.ID, meter.Point) bool

// Merge returns the union of a source and a file that holds no more, or older rows that were
// replaced. Two registers for one reading are a ConflictError.
func Merge(known, file Source, replaced Replaced) Source {
	return pair(known, file, (&union{replaced: replaced}).of)
}

// WithMemory joins a month's file, which may be nil, with the part of the month that is in
// memory. A meter's rows are in memory or in the file. If memory's are whole, the file's are
// among them, less those that were replaced; if they are not, because the file was altered when
// they were recalled, that is a ConflictError. Otherwise what memory holds of the meter comes
// after its rows in the file. A meter of which memory has nothing, and that is whole, was withdrawn.
func WithMemory(file, memory Source, replaced Replaced) Source {
	if file == nil {
		return memory
	}
	joined := union{replaced: replaced}
	return pair(memory, file, func(held, archived Rows) (Rows, error) {
		if held.Meter == "" {
			return archived, nil
		}
		if held.IsWhole {
			return joined.of(held, archived)
		}
		if archived.Meter == "" {
			return held, nil
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
	both func(a, b Rows) (Rows, error) // makes one of a meter's rows; those that a source lacks have no meter
}

func pair(a, b Source, both func(a, b Rows) (Rows, error)) *pairSource {
	return &pairSource{cursor{source: a, isTaken: true}, cursor{source: b, isTaken: true}, both}
}

func (p *pairSource) Next() (Rows, error) {
	for {
		rows, err := p.next()
		if err != nil || len(rows.Points) > 0 {
			return rows, err
		}
	}
}

func (p *pairSource) next() (Rows, error) {
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
		return p.both(p.a.take(), Rows{})
	case a == "" || b < a:
		return p.both(Rows{}, p.b.take())
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

// union joins the points of what is known and of a file in a buffer of its own.
type union struct {
	replaced Replaced
	points   []meter.Point
}

func (u *union) of(known, file Rows) (Rows, error) {
	switch {
	case file.Meter == "":
		return known, nil
	case known.Meter == "":
		known.Meter = file.Meter
	}
	a, b, out := known.Points, file.Points, u.points[:0]
	for len(b) > 0 {
		switch {
		case len(a) > 0 && a[0].Slot < b[0].Slot:
			out, a = append(out, a[0]), a[1:]
		case len(a) > 0 && a[0] == b[0]:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		case u.replaced(known.Meter, b[0]):
			b = b[1:]
		case len(a) > 0 && a[0].Slot == b[0].Slot:
			return Rows{}, &ConflictError{known.Meter, a[0].Slot, b[0].Register, a[0].Register}
		default:
			out, b = append(out, b[0]), b[1:]
		}
	}
	u.points = append(out, a...)
	return Rows{Meter: known.Meter, Points: u.points}, nil
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
