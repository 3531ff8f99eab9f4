package archive

import (
	"errors"
	"fmt"
	"io"

	"meterledger/internal/meter"
)

// Rows is one meter's part of an archive, in order of time.
type Rows struct {
	Meter  meter.ID
	Points []meter.Point
}

// Source hands out rows meter by meter, in the byte order of their ids, and
// io.EOF after the last. What it returns is valid until the next call.
type Source interface {
	Next() (Rows, error)
}

// ConflictError says that two sources hold different registers for one reading.
type ConflictError struct {
	Meter meter.ID
	Slot  meter.Slot
	A, B  meter.KWh
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("meter %s has two registers for one time: %v and %v kWh", e.Meter, e.A, e.B)
}

// Merge returns the union of sources.
func Merge(sources ...Source) Source { return &merge{sources: sources} }

type merge struct {
	sources []Source
	heads   []Rows // by source; no points where the source has ended
	spare   []meter.Point
	merged  []meter.Point
}

func (m *merge) Next() (Rows, error) {
	if m.heads == nil {
		m.heads = make([]Rows, len(m.sources))
		for i := range m.sources {
			if err := m.advance(i); err != nil {
				return Rows{}, err
			}
		}
	}
	first := m.first()
	if first == "" {
		return Rows{}, io.EOF
	}
	rows := Rows{Meter: first}
	m.merged = m.merged[:0]
	for i := range m.heads {
		if m.heads[i].Meter != first {
			continue
		}
		if err := m.union(first, m.heads[i].Points); err != nil {
			return Rows{}, err
		}
		if err := m.advance(i); err != nil {
			return Rows{}, err
		}
	}
	rows.Points = m.merged
	return rows, nil
}

// first returns the least meter id that any source holds next, or "".
func (m *merge) first() (least meter.ID) {
	for _, head := range m.heads {
		if head.Meter != "" && (least == "" || head.Meter < least) {
			least = head.Meter
		}
	}
	return least
}

func (m *merge) advance(i int) error {
	rows, err := m.sources[i].Next()
	if errors.Is(err, io.EOF) {
		rows = Rows{}
	} else if err != nil {
		return err
	}
	m.heads[i] = rows
	return nil
}

// union adds points to what is merged already.
func (m *merge) union(id meter.ID, points []meter.Point) error {
	if len(m.merged) == 0 {
		m.merged = append(m.merged, points...)
		return nil
	}
	a, b, out := m.merged, points, m.spare[:0]
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].Slot < b[0].Slot:
			out, a = append(out, a[0]), a[1:]
		case a[0].Slot > b[0].Slot:
			out, b = append(out, b[0]), b[1:]
		case a[0].Register != b[0].Register:
			return &ConflictError{id, a[0].Slot, a[0].Register, b[0].Register}
		default:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		}
	}
	out = append(append(out, a...), b...)
	m.merged, m.spare = out, m.merged
	return nil
}
