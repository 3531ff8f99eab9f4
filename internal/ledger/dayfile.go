package ledger

import (
	"errors"
	"io"
	"slices"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
)

// dayFile is a daily archive that is compared with its month's, meter by meter: where
// the month has all of it, there is nothing in it to restore.
type dayFile struct {
	name   string
	day    meter.Day
	reader *archive.Reader
	head   archive.Rows // the next meter's
	rows   uint64       // that the month has
	lacks  bool         // the month lacks some
	ended  bool
}

// openDay opens a daily archive. One that is not as we write it is none: false.
func (l *Ledger) openDay(name string, day meter.Day) (*dayFile, bool) {
	reader, err := l.archive.Read(name)
	if err != nil {
		return nil, false
	}
	d := &dayFile{name: name, day: day, reader: reader}
	d.advance()
	return d, true
}

func (d *dayFile) advance() {
	var err error
	if d.head, err = d.reader.Next(); err != nil {
		d.ended = true
		d.lacks = d.lacks || !errors.Is(err, io.EOF)
	}
}

// compare looks for the day's rows of a meter among the month's.
func (d *dayFile) compare(month archive.Rows) {
	if d.ended || d.head.Meter > month.Meter {
		return
	}
	for _, p := range d.head.Points {
		place, found := slices.BinarySearchFunc(month.Points, p.Slot, bySlot)
		if d.head.Meter != month.Meter || !found || month.Points[place] != p {
			d.lacks, d.ended = true, true
			return
		}
	}
	d.rows += uint64(len(d.head.Points))
	d.advance()
}

// isContained reports whether the month has the whole day, when all of it was compared.
func (d *dayFile) isContained() bool { return d.ended && !d.lacks }
