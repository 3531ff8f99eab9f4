package archive

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/meter"
)

const bufferBytes = 256 << 10

// Written says what a file holds.
type Written struct {
	Rows        uint64
	Meters      uint64
	First, Last meter.Slot // the earliest and the latest of all rows; 0 if there are none
	Bytes       int64
	SHA256      [32]byte // of the file on the disk, compressed or not

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

// Writing is how a caller takes part while a file is written. An error of any of
// them leaves the old file in its place and nothing of the new one.
type Writing struct {
	// Each is called with each meter's rows, in the order of the file.
	Each func(Rows) error
	// Reserve is called before so many bytes go to the disk.
	Reserve func(bytes int) error
	// Pace is called between parts of the new file's reading back, and may wait.
	Pace func()
	// IsAlone reports whether nobody else wants the cores. Only then are frames of a compressed
	// file made side by side; nil is never. It is called by many goroutines.
	IsAlone func() bool
	// Intend is called when the new file is on the disk, has been read back, and is
	// about to take the old one's place.
	Intend func(Written) error
}

// Write makes the file name hold the rows of a source, whole or not at all. One in the
// other form is replaced by it.
func (f *Folder) Write(name string, source Source, steps Writing) (Written, error) {
	var written Written
	err := f.replace(f.Path(name), func(file io.Writer) (err error) {
		written, err = f.write(&reservingWriter{file, steps.Reserve}, source, steps)
		return err
	}, func(temporary string) error {
		if err := f.verify(temporary, written, steps.Pace); err != nil {
			return err
		}
		return steps.Intend(written)
	})
	if err == nil {
		err = f.removeOther(name)
	}
	if err != nil {
		return Written{}, fmt.Errorf("writing archive %s: %w", name, err)
	}
	return written, nil
}

// Preview says what Write would write, and writes nothing.
func (f *Folder) Preview(source Source, each func(Rows) error) (Written, error) {
	return f.write(io.Discard, source, Writing{Each: each})
}

func (f *Folder) write(to io.Writer, source Source, steps Writing) (Written, error) {
	out, err := startWriter(to, f.Compress, steps.IsAlone)
	if err != nil {
		return Written{}, err
	}
	written, err := f.writeRows(out, source, steps.Each)
	if failed := out.end(); failed != nil {
		err = failed
	}
	if err != nil {
		return Written{}, err
	}
	written.Bytes, written.SHA256, written.crc = out.bytes, out.sum, out.crc
	return written, nil
}

func (f *Folder) writeRows(out *asyncWriter, source Source, each func(Rows) error) (written Written, err error) {
	lines := meter.NewRowWriter(f.zone)
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

// verify reads a file back. A checksum tells as well as a hash whether the disk has
// kept what it was given, in a fifth of the time.
func (f *Folder) verify(path string, written Written, pace func()) error {
	file, err := f.fs.Open(path, vfs.SequentialReadsOption)
	if err != nil {
		return fmt.Errorf("reading back what was written: %w", err)
	}
	defer file.Close()
	crc := crc32.New(castagnoli)
	size, err := io.CopyBuffer(crc, &pacedReader{file, pace}, make([]byte, bufferBytes))
	if err != nil {
		return fmt.Errorf("reading back what was written: %w", err)
	}
	if size != written.Bytes || crc.Sum32() != written.crc {
		return errors.New("what was written reads back otherwise: the disk cannot be trusted")
	}
	return nil
}

// pacedReader calls pace before it reads on. It hides what else a file can do, so that
// io.CopyBuffer uses its buffer.
type pacedReader struct {
	from io.Reader
	pace func()
}

func (p *pacedReader) Read(b []byte) (int, error) {
	p.pace()
	return p.from.Read(b)
}

// reservingWriter asks for space on the disk before it writes.
type reservingWriter struct {
	to      io.Writer
	reserve func(bytes int) error
}

func (w *reservingWriter) Write(b []byte) (int, error) {
	if err := w.reserve(len(b)); err != nil {
		return 0, err
	}
	return w.to.Write(b)
}
