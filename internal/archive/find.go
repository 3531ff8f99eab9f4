package archive

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"

	"meterledger/internal/meter"
)

// searchBytes is how close bisection comes to a meter's first row; the rest is read
// through, at the cost of one more small read.
const searchBytes = 4 << 10

// FindMeter appends one meter's rows within a window to points. It finds them by
// bisection, so its cost hardly grows with the file. A missing file is an error.
func (f *Folder) FindMeter(name string, id meter.ID, w meter.Window, points []meter.Point) ([]meter.Point, error) {
	points, err := f.findMeter(name, id, w, points)
	return points, Damaged(name, err)
}

func (f *Folder) findMeter(name string, id meter.ID, w meter.Window, points []meter.Point) ([]meter.Point, error) {
	file, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	finder := &finder{id: id, window: w, values: meter.NewRowParser(f.zone), points: points}
	if file.isCompressed {
		return finder.compressed(file)
	}
	start, err := rowBefore(file, id)
	if err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(io.NewSectionReader(file, start, file.Size-start), 64<<10)
	for {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return finder.points, nil
		}
		if err != nil {
			return nil, err
		}
		if beyond, err := finder.row(line[:len(line)-1]); beyond || err != nil {
			return finder.points, err
		}
	}
}

// finder picks one meter's rows out of a sorted file.
type finder struct {
	id     meter.ID
	window meter.Window
	values meter.RowParser
	points []meter.Point
}

// row takes a row, and reports whether it is of a later meter.
func (f *finder) row(line []byte) (beyond bool, err error) {
	id, timestamp, reading, ok := meter.SplitRow(line)
	if ok && string(id) != string(f.id) {
		return string(id) > string(f.id), nil
	}
	point, err := f.values.Point(timestamp, reading)
	if err != nil || !ok {
		f.points = nil
		return false, fmt.Errorf("it has a row among those of meter %s that cannot be read", f.id)
	}
	if f.window.Contains(point.Slot) {
		f.points = append(f.points, point)
	}
	return false, nil
}

// compressed finds a meter's rows by the index: from the last frame that begins
// before the meter, as many as hold rows of it.
func (f *finder) compressed(file *File) ([]meter.Point, error) {
	index, err := readIndex(file)
	if err != nil {
		return nil, err
	}
	first, err := index.before(f.id)
	if err != nil {
		return nil, err
	}
	decoder, err := frameDecoder()
	if err != nil {
		return nil, err
	}
	var frame, text []byte
	for n := first; n < index.n; n++ {
		if frame, err = index.frame(n, frame); err == nil {
			text, err = decoder.DecodeAll(frame, text[:0])
		}
		if err != nil {
			return nil, fmt.Errorf("frame %d: %w", n, err)
		}
		lines := text
		if n == 0 {
			lines = bytes.TrimPrefix(text, []byte(meter.RowHeader+"\n"))
		}
		for line := range bytes.Lines(lines) {
			if beyond, err := f.row(bytes.TrimSuffix(line, []byte{'\n'})); beyond || err != nil {
				return f.points, err
			}
		}
	}
	return f.points, nil
}

// rowBefore returns the offset of a row that is not after the first row of a meter,
// and hardly more than searchBytes before it.
func rowBefore(file *File, id meter.ID) (int64, error) {
	var failure error
	header := int64(len(meter.RowHeader) + 1)
	buffer := make([]byte, 2*meter.WrittenRowBytesMax)
	// The first row that starts at or after an offset only moves on as the
	// offset does, so the question can be bisected by offset.
	blocks := int(max(file.Size-header, 0)/searchBytes) + 1
	block := sort.Search(blocks, func(i int) bool {
		_, row, err := rowFrom(file, header+int64(i)*searchBytes, buffer)
		if err != nil {
			failure = err
		}
		rowID, _, _ := bytes.Cut(row, []byte{','})
		return err != nil || len(row) == 0 || string(rowID) >= string(id)
	})
	if failure != nil {
		return 0, failure
	}
	start, _, err := rowFrom(file, header+int64(max(block-1, 0))*searchBytes, buffer)
	return start, err
}

// rowFrom returns the first row that starts at or after an offset, and its own offset; at the end of the file the row is empty.
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
