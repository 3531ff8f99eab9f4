package archive

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"meterledger/internal/durable"
	"meterledger/internal/meter"
)

// Header is the first line of every archive.
const Header = "meter_id,timestamp,reading"

const bufferBytes = 1 << 20

// Written says what a file holds.
type Written struct {
	Rows   uint64
	SHA256 [32]byte
}

// Write makes the file name hold the rows of a source, whole or not at all. The
// window is the period of the file. After each meter, each is called with its
// rows; intend is called when the new file is safe and about to take the old one's
// place, which an error of it prevents.
func (f *Folder) Write(name string, w meter.Window, source Source, each func(Rows), intend func(Written) error) (Written, error) {
	sum := sha256.New()
	writer := &rowWriter{stamps: newStamps(f.zone, w)}
	written := func() Written { return Written{writer.rows, [32]byte(sum.Sum(nil))} }
	err := durable.ReplaceFile(f.fs, f.Path(name), func(file io.Writer) error {
		writer.out = bufio.NewWriterSize(io.MultiWriter(sum, file), bufferBytes)
		if err := writer.all(source, each); err != nil {
			return err
		}
		return writer.out.Flush()
	}, func() error { return intend(written()) })
	if err != nil {
		return Written{}, fmt.Errorf("writing archive %s: %w", name, err)
	}
	return written(), nil
}

type rowWriter struct {
	out    *bufio.Writer
	stamps *stamps
	rows   uint64
}

func (w *rowWriter) all(source Source, each func(Rows)) error {
	if _, err := w.out.WriteString(Header + "\n"); err != nil {
		return err
	}
	for {
		rows, err := source.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := w.meter(rows); err != nil {
			return err
		}
		each(rows)
	}
}

func (w *rowWriter) meter(rows Rows) error {
	for _, p := range rows.Points {
		line := append(w.out.AvailableBuffer(), rows.Meter...)
		line = append(line, ',')
		line = append(line, w.stamps.text(p.Slot)...)
		line = append(line, ',')
		line = p.Register.Append(line)
		line = append(line, '\n')
		if _, err := w.out.Write(line); err != nil {
			return err
		}
	}
	w.rows += uint64(len(rows.Points))
	return nil
}
