package archive

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/meter"
)

// lineBytesMax is more than any row of an archive can have: an id, a timestamp
// with an offset, 18 digits and a point.
const lineBytesMax = 128

// FindMeter appends one meter's rows within a window to points. It finds them by
// bisection, so its cost hardly grows with the file. A missing file is an error.
func (f *Folder) FindMeter(name string, id meter.ID, w meter.Window, points []meter.Point) ([]meter.Point, error) {
	file, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	stat, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading archive %s: %w", name, err)
	}
	start, err := firstRow(file, stat.Size(), id)
	if err != nil {
		return nil, fmt.Errorf("searching archive %s: %w", name, err)
	}
	in := bufio.NewReaderSize(io.NewSectionReader(file, start, stat.Size()-start), 64<<10)
	for {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return points, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading archive %s: %w", name, err)
		}
		rowID, stamp, reading, ok := splitRow(line[:len(line)-1])
		if ok && string(rowID) != string(id) {
			return points, nil
		}
		point, err := f.point(stamp, reading)
		if err != nil || !ok {
			return nil, fmt.Errorf("archive %s has a row among those of meter %s that cannot be read", name, id)
		}
		if w.Contains(point.Slot) {
			points = append(points, point)
		}
	}
}

func (f *Folder) point(stamp, reading []byte) (meter.Point, error) {
	slot, err := f.zone.ParseSlot("timestamp", string(stamp))
	if err != nil {
		return meter.Point{}, err
	}
	register, err := meter.ParseReading("reading", reading)
	return meter.Point{Slot: slot, Register: register}, err
}

// firstRow returns the offset of the first row whose meter is not before id.
func firstRow(file vfs.File, size int64, id meter.ID) (int64, error) {
	var failure error
	header := int64(len(Header) + 1)
	buffer := make([]byte, 2*lineBytesMax)
	// The first row that starts at or after an offset only moves on as the
	// offset does, so the question can be bisected by offset.
	offset := sort.Search(int(max(size-header, 0)), func(i int) bool {
		_, row, err := rowFrom(file, header+int64(i), buffer)
		if err != nil {
			failure = err
		}
		rowID, _, _ := bytes.Cut(row, []byte{','})
		return err != nil || len(row) == 0 || string(rowID) >= string(id)
	})
	if failure != nil {
		return 0, failure
	}
	start, _, err := rowFrom(file, header+int64(offset), buffer)
	return start, err
}

// rowFrom returns the first row that starts at or after an offset, and where it
// starts; at the end of the file the row is empty.
func rowFrom(file io.ReaderAt, offset int64, buffer []byte) (start int64, row []byte, err error) {
	n, err := file.ReadAt(buffer, offset-1)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, nil, err
	}
	_, row, found := bytes.Cut(buffer[:n], []byte{'\n'})
	start = offset - 1 + int64(n-len(row))
	if !found || len(row) == 0 {
		return start, nil, nil
	}
	row, _, _ = bytes.Cut(row, []byte{'\n'})
	return start, row, nil
}
