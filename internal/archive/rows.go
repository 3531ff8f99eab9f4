package archive

import (
	"errors"
	"io"

	"meterledger/internal/meter"
)

// Written says what a file holds.
type Written struct {
	Rows        uint64
	Meters      uint64
	First, Last meter.Slot // the earliest and the latest of all rows; 0 if there are none
	Bytes       int64
	SHA256      [32]byte // of the file as it stands on the disk

	crc uint32 // CRC32C of it
}

// Add counts one meter's rows.
func (w *Written) Add(rows Rows) {
	if len(rows.Points) == 0 {
		return
	}
	first, last := rows.Points[0].Slot, rows.Points[len(rows.Points)-1].Slot
	if w.Rows == 0 || first < w.First {
		w.First = first
	}
	w.Last = max(w.Last, last)
	w.Rows += uint64(len(rows.Points))
	w.Meters++
}

// writeRows writes a source's rows, and has each see each meter's.
func writeRows(out *behind, lines *meter.RowWriter, source Source, each func(Rows) error) (written Written, err error) {
	buffer := append(out.buffer(), meter.RowHeader+"\n"...)
	for {
		rows, err := source.Next()
		if errors.Is(err, io.EOF) {
			return written, out.put(buffer)
		}
		if err != nil {
			return Written{}, err
		}
		for _, p := range rows.Points {
			if cap(buffer)-len(buffer) < meter.WrittenRowBytesMax {
				if err := out.put(buffer); err != nil {
					return Written{}, err
				}
				buffer = out.buffer()
			}
			buffer = lines.Append(buffer, rows.Meter, p)
		}
		written.Add(rows)
		if err := each(rows); err != nil {
			return Written{}, err
		}
	}
}
