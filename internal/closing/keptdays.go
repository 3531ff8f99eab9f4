package closing

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/durable"
	"meterledger/internal/meter"
)

// keptDays are the files of a folder that each say something of one day, derived from what the
// journal says. A file is written whole, for the user of this program alone, and ends with a
// line of its checksum:
//
//	body | "crc32c," | CRC-32C of the body, 8 hexadecimal digits | line feed
//
// A node alone has the folder in its data folder. That of several nodes lies in the archive folder that they
// share, for the next one that leads, and is written in terms as package archive says of its own files.
type keptDays struct {
	fs     vfs.FS
	folder string
	suffix string
	mark   durable.Mark // of the term in which files are written
	goesOn func() error // an error if that term is over; nil for a node alone
}

const (
	exceptionsName = "exceptions"
	totalsName     = "days"

	trailer       = "crc32c,%08x\n"
	trailerBytes  = int64(len("crc32c,00000000\n"))
	keptReadBytes = 16 << 10 // a list reads hundreds of files together
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errDamaged says that a file is not what was written.
var errDamaged = errors.New("is damaged")

func keptIn(fs vfs.FS, folder string) (exceptions, totals keptDays) {
	return keptDays{fs: fs, folder: fs.PathJoin(folder, exceptionsName), suffix: ".csv"},
		keptDays{fs: fs, folder: fs.PathJoin(folder, totalsName), suffix: ".totals"}
}

// in returns the files as they are written in a term.
func (f keptDays) in(mark durable.Mark, goesOn func() error) keptDays {
	f.mark, f.goesOn = mark, goesOn
	return f
}

func (f keptDays) path(day meter.Day) string { return f.fs.PathJoin(f.folder, day.String()+f.suffix) }

// days returns the days of which there is a file, in order of time.
func (f keptDays) days() ([]meter.Day, error) {
	names, err := f.fs.List(f.folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var days []meter.Day
	for _, name := range names {
		text, ours := strings.CutSuffix(name, f.suffix)
		if day, ok := meter.ParseDay(text); ours && ok {
			days = append(days, day)
		}
	}
	slices.SortFunc(days, meter.Day.Compare)
	return days, err
}

// tidy makes the folder, and removes what a crash or another term left there half written. It comes before
// anything is written.
func (f keptDays) tidy() error {
	if err := durable.MakeFolder(f.fs, f.folder); err != nil {
		return err
	}
	if f.goesOn == nil {
		return durable.RemoveTemporary(f.fs, f.folder, f.suffix)
	}
	if err := f.goesOn(); err != nil {
		return err
	}
	return durable.RemoveOthers(f.fs, f.folder, f.mark, f.suffix)
}

// removeAllBut removes the files of all days but the newest.
func (f keptDays) removeAllBut(newest int) error {
	days, err := f.days()
	if err != nil || len(days) == 0 {
		return err
	}
	for _, day := range days[:max(0, len(days)-newest)] {
		if err := f.fs.Remove(f.path(day)); err != nil {
			return fmt.Errorf("removing an old file: %w", err)
		}
	}
	return nil
}

// hasRoom reports whether so many bytes are free on the disk, or nobody can tell.
func (f keptDays) hasRoom(bytes uint64) bool {
	usage, err := f.fs.GetDiskUsage(f.fs.PathDir(f.folder))
	return err != nil || usage.AvailBytes >= bytes
}

// write makes the file of a day.
func (f keptDays) write(day meter.Day, body func(io.Writer) error) error {
	return durable.ReplaceFile(f.fs, f.path(day), f.mark, func(w io.Writer) error {
		sum := crc32.New(castagnoli)
		out := bufio.NewWriterSize(io.MultiWriter(sum, w), keptReadBytes) // a file may change what it has written
		err := errors.Join(body(out), out.Flush())
		if err == nil {
			_, err = fmt.Fprintf(w, trailer, sum.Sum32())
		}
		return err
	}, func(string) error {
		if f.goesOn == nil {
			return nil
		}
		return f.goesOn()
	})
}

// keptFile is the body of a file that is whole.
type keptFile struct {
	*bufio.Reader

	body *io.SectionReader
	file io.Closer
}

// open reads the file of a day through before anything of it is believed. The error is
// os.ErrNotExist if there is none.
func (f keptDays) open(day meter.Day) (*keptFile, error) {
	file, err := durable.OpenRegular(f.fs, f.path(day))
	if err != nil {
		return nil, err
	}
	body := io.NewSectionReader(file, 0, max(0, file.Size-trailerBytes))
	sum := crc32.New(castagnoli)
	_, err = io.CopyBuffer(struct{ io.Writer }{sum}, struct{ io.Reader }{body}, make([]byte, keptReadBytes))
	end := make([]byte, trailerBytes)
	if err == nil {
		_, err = io.ReadFull(io.NewSectionReader(file, body.Size(), trailerBytes), end)
	}
	if err == nil && string(end) != fmt.Sprintf(trailer, sum.Sum32()) {
		err = errDamaged
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", f.path(day), err), file.Close())
	}
	kept := &keptFile{bufio.NewReaderSize(nil, keptReadBytes), body, file}
	kept.seek(0)
	return kept, nil
}

// seek goes on reading from an offset.
func (f *keptFile) seek(offset int64) {
	_, _ = f.body.Seek(offset, io.SeekStart) // which only sets a number
	f.Reset(f.body)
}

// copyTo copies the folder, if there is one, into another.
func (f keptDays) copyTo(folder string) error {
	if _, err := f.fs.Stat(f.folder); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return durable.CopyFolder(f.fs, f.folder, f.fs.PathJoin(folder, f.fs.PathBase(f.folder)))
}

// isWhole reports whether there is a file of a day that can be believed.
func (f keptDays) isWhole(day meter.Day) bool {
	file, err := f.open(day)
	if err == nil {
		file.close()
	}
	return err == nil
}

func (f *keptFile) close() { _ = f.file.Close() } // which was only read
