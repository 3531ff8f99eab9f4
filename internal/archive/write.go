package archive

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/durable"
	"meterledger/internal/meter"
)

const bufferBytes = 1 << 20

// Writing is how a caller takes part while a file is written. An error of any of
// them leaves the old file in its place and nothing of the new one.
type Writing struct {
	// Each is called with each meter's rows, in the order of the file.
	Each func(Rows) error
	// Room is called before so many bytes go to the disk.
	Room func(bytes int) error
	// Pace is called between parts of the new file's reading back, and may wait.
	Pace func()
	// Intend is called when the new file is on the disk, has been read back, and is
	// about to take the old one's place.
	Intend func(Written) error
}

// Write makes the file name hold the rows of a source, whole or not at all. One in the
// other form is replaced by it.
func (f *Folder) Write(name string, source Source, steps Writing) (Written, error) {
	var written Written
	err := durable.ReplaceFile(f.fs, f.Path(name), func(file io.Writer) (err error) {
		written, err = f.write(&roomy{file, steps.Room}, source, steps.Each)
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
	return f.write(io.Discard, source, each)
}

func (f *Folder) write(to io.Writer, source Source, each func(Rows) error) (Written, error) {
	behind, err := startBehind(to, f.Compress)
	if err != nil {
		return Written{}, err
	}
	lines := meter.NewRowWriter(f.zone)
	written, err := writeRows(behind, &lines, source, each)
	if behind.end(); behind.err != nil {
		err = behind.err
	}
	if err != nil {
		return Written{}, err
	}
	written.Bytes, written.SHA256, written.crc = behind.bytes, behind.sum, behind.crc
	return written, nil
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
	size, err := io.CopyBuffer(crc, &paced{file, pace}, make([]byte, bufferBytes))
	if err != nil {
		return fmt.Errorf("reading back what was written: %w", err)
	}
	if size != written.Bytes || crc.Sum32() != written.crc {
		return errors.New("what was written reads back otherwise: the disk cannot be trusted")
	}
	return nil
}

// paced calls pace before it reads on. It hides what else a file can do, so that
// the buffer is used.
type paced struct {
	from io.Reader
	pace func()
}

func (p *paced) Read(b []byte) (int, error) {
	p.pace()
	return p.from.Read(b)
}

// roomy asks for room before it writes.
type roomy struct {
	to   io.Writer
	room func(bytes int) error
}

func (r *roomy) Write(b []byte) (int, error) {
	if err := r.room(len(b)); err != nil {
		return 0, err
	}
	return r.to.Write(b)
}
