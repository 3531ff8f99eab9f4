package archive

import "meterledger/internal/meter"

// Written says what a file holds.
type Written struct {
	Rows        uint64
	Meters      uint64
	First, Last meter.Slot // the earliest and the latest of all rows; 0 where there are none
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
