package archive

import (
	"cmp"
	"errors"
	"io"
	"slices"

	"meterledger/internal/meter"
)

// Sorted returns the rows of a file that this package did not write as a Source.
// It holds them all in memory, which is what files out of order cost.
func (f *Folder) Sorted(name string) (Source, error) {
	file, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	in, err := NewCSVReader(file, f.zone)
	if err != nil {
		return nil, &RowError{name, 0, err}
	}
	var readings []meter.Reading
	for {
		r, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, &RowError{name, uint64(in.Row()), err}
		}
		readings = append(readings, r)
	}
	slices.SortStableFunc(readings, func(a, b meter.Reading) int {
		return cmp.Or(cmp.Compare(a.Meter, b.Meter), cmp.Compare(a.Slot, b.Slot))
	})
	return &sorted{readings}, nil
}

type sorted struct{ rest []meter.Reading }

func (s *sorted) Next() (Rows, error) {
	if len(s.rest) == 0 {
		return Rows{}, io.EOF
	}
	rows := Rows{Meter: s.rest[0].Meter}
	for len(s.rest) > 0 && s.rest[0].Meter == rows.Meter {
		point := meter.Point{Slot: s.rest[0].Slot, Register: s.rest[0].Register}
		s.rest = s.rest[1:]
		if n := len(rows.Points); n > 0 && rows.Points[n-1].Slot == point.Slot {
			if rows.Points[n-1].Register != point.Register {
				return Rows{}, &ConflictError{rows.Meter, point.Slot, rows.Points[n-1].Register, point.Register}
			}
			continue
		}
		rows.Points = append(rows.Points, point)
	}
	return rows, nil
}
